"""Pictures of every kind, made for the tests: each function returns a file's bytes."""

import io
import random
import struct
import zlib
from math import ceil
from typing import Any

from PIL import ExifTags, Image, ImageOps

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
SIZE = (64, 48)
ROTATE_270 = 6  # EXIF's orientation of a phone held upright: turned clockwise by 90 degrees, it stands


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, format, **options)
    return content.getvalue()


def noise(size: tuple[int, int] = SIZE) -> Image.Image:
    """Return a picture that compresses badly, the same each time."""
    return Image.frombytes("RGB", size, random.Random(0).randbytes(3 * size[0] * size[1]))


def gradient(size: tuple[int, int] = SIZE) -> Image.Image:
    """Return a picture whose red grows from left to right and whose green grows from top to bottom."""
    red, green = Image.linear_gradient("L").rotate(90).resize(size), Image.linear_gradient("L").resize(size)
    return Image.merge("RGB", (red, green, Image.new("L", size, 128)))


def detailed(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return a picture that is as fine as the given one whatever its size: that, and its mirror images beside it."""
    large = Image.new("RGB", size)
    for row in range(ceil(size[1] / image.height)):
        for column in range(ceil(size[0] / image.width)):
            tile = ImageOps.mirror(image) if column % 2 else image
            large.paste(ImageOps.flip(tile) if row % 2 else tile, (column * image.width, row * image.height))
    return large


def jpeg(size: tuple[int, int] = SIZE) -> bytes:
    return encoded(gradient(size), "JPEG", quality=95)


def png(size: tuple[int, int] = SIZE) -> bytes:
    return encoded(gradient(size), "PNG")


def webp() -> bytes:
    return encoded(gradient(), "WEBP", lossless=True)


def bmp() -> bytes:
    return encoded(gradient(), "BMP")


def gif() -> bytes:
    return encoded(Image.new("RGB", SIZE, RED), "GIF")


def tiff() -> bytes:
    """A picture of a format that isn't accepted."""
    return encoded(gradient(), "TIFF")


def greyscale(grey: int = 100) -> bytes:
    return encoded(Image.new("L", SIZE, grey), "PNG")


def sixteen_bit_grey(grey: int = 100) -> bytes:
    """A 16-bit grey PNG; `grey` is of 255."""
    return encoded(Image.new("I;16", SIZE, grey * 257), "PNG")


def one_bit() -> bytes:
    """A one-bit PNG: left half black, right half white."""
    image = Image.new("1", SIZE, 0)
    image.paste(1, (SIZE[0] // 2, 0, *SIZE))
    return encoded(image, "PNG")


def cmyk() -> bytes:
    """A red CMYK JPEG."""
    return encoded(Image.new("CMYK", SIZE, (0, 255, 255, 0)), "JPEG", quality=95)


def rgba_hidden_red() -> bytes:
    """A PNG that is transparent, with red hidden below, but for its right half, which is blue."""
    image = Image.new("RGBA", SIZE, (*RED, 0))
    image.paste((*BLUE, 255), (SIZE[0] // 2, 0, *SIZE))
    return encoded(image, "PNG")


def la_hidden_black() -> bytes:
    """A grey PNG that is transparent, with black hidden below, but for its right half, which is grey."""
    image = Image.new("LA", SIZE, (0, 0))
    image.paste((100, 255), (SIZE[0] // 2, 0, *SIZE))
    return encoded(image, "PNG")


def palette_hidden_red() -> bytes:
    """A palette PNG whose red is declared transparent, but for its right half, which is blue."""
    image = Image.new("P", SIZE, 0)
    image.putpalette([*RED, *BLUE])
    image.paste(1, (SIZE[0] // 2, 0, *SIZE))
    return encoded(image, "PNG", transparency=0)


def animated(format: str) -> bytes:
    """An animation of three frames: red, green, blue. `format` is GIF or WEBP."""
    frames = [Image.new("RGB", SIZE, colour) for colour in (RED, GREEN, BLUE)]
    options = {"lossless": True} if format == "WEBP" else {}
    return encoded(frames[0], format, save_all=True, append_images=frames[1:], duration=100, loop=0, **options)


def animated_gif() -> bytes:
    return animated("GIF")


def animated_webp() -> bytes:
    return animated("WEBP")


def exif_rotated(orientation: int = ROTATE_270) -> bytes:
    """A JPEG stored red on the left and blue on the right, with an EXIF orientation."""
    image = Image.new("RGB", SIZE, RED)
    image.paste(BLUE, (SIZE[0] // 2, 0, *SIZE))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return encoded(image, "JPEG", quality=95, exif=exif)


def broken_exif() -> bytes:
    """A JPEG with intact pixels and a broken EXIF block."""
    return encoded(gradient(), "JPEG", quality=95, exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff" + b"\x99" * 20)


def mpo() -> bytes:
    """A JPEG (MPO) with a second picture after the first, as phones write it."""
    return encoded(gradient(), "MPO", save_all=True, append_images=[noise()], quality=95)


def empty() -> bytes:
    return b""


def text() -> bytes:
    return b"This is not a picture.\n" * 20


def truncated(content: bytes | None = None, missing: int = 200) -> bytes:
    """A picture, a JPEG unless given, without its last bytes."""
    return (content or encoded(noise(), "JPEG"))[:-missing]


def corrupt_middle() -> bytes:
    """A PNG with intact header and end whose pixel data is overwritten in the middle."""
    content = bytearray(encoded(noise(), "PNG"))
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    return bytes(content)


def huge_header(width: int = 13_000, height: int = 13_000) -> bytes:
    """A PNG of few bytes whose header claims 169 megapixels, with little pixel data."""
    return _png_file(width, height, 1, zlib.compress(bytes(1000)))


def bomb(width: int = 13_000, height: int = 13_000) -> bytes:
    """A decompression bomb: a valid PNG of 169 megapixels in 21 kB."""
    row = bytes(1 + (width + 7) // 8)
    deflate = zlib.compressobj(9)
    return _png_file(width, height, 1, b"".join(deflate.compress(row) for _ in range(height)) + deflate.flush())


def of_many_scans(count: int = 101, size: tuple[int, int] = SIZE) -> bytes:
    """A progressive JPEG whose last scan is repeated until there are `count`."""
    content = encoded(Image.new("RGB", size), "JPEG", progressive=True)
    scan = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + scan * (count - content.count(b"\xff\xda")) + content[-2:]


def with_comment(length: int = 60_000, format: str = "JPEG") -> bytes:
    """A picture with a comment, which Pillow writes into whatever is made of it."""
    return encoded(gradient(), format, comment=b"c" * length)


def long_line() -> bytes:
    """A PNG of 20000 x 1 pixels, which a plain resize would enlarge to 5,120,000 x 256."""
    return encoded(Image.new("RGB", (20_000, 1), RED), "PNG")


def of_pixels(width: int, height: int) -> bytes:
    """A white PNG of few bytes and any number of pixels."""
    return encoded(Image.new("1", (width, height), 1), "PNG")


def _png_file(width: int, height: int, bit_depth: int, data: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, bit_depth, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


GOOD = {
    make.__name__: make
    for make in (
        jpeg,
        png,
        webp,
        bmp,
        gif,
        greyscale,
        sixteen_bit_grey,
        one_bit,
        cmyk,
        rgba_hidden_red,
        la_hidden_black,
        palette_hidden_red,
        animated_gif,
        animated_webp,
        exif_rotated,
        broken_exif,
        mpo,
        with_comment,
        long_line,
    )
}
"""Pictures that are classified, by name."""
