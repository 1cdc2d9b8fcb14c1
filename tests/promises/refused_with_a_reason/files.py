"""Hostile files: decompression bombs, polyglots, broken metadata, odd modes, extreme sizes."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random

from PIL import Image

from tests import pictures
from tests.pictures import encoded
from tests.promises.refused_with_a_reason.damage import WHOLE

Make = Callable[[Random], bytes]


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(extra: bytes) -> bytes:
    """Return a picture with chunks of your own before its pixels."""
    content = pictures.png()
    start = content.index(b"IDAT") - 4
    return content[:start] + extra + content[start:]


def jpeg_with(*segments: bytes) -> bytes:
    """Return a picture with segments of your own at its beginning."""
    content = pictures.jpeg()
    return content[:2] + b"".join(segments) + content[2:]


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def of_size(format: str, width: int, height: int) -> bytes:
    """Return a small picture whose header claims another size."""
    content = bytearray(WHOLE[format]())
    if format == "jpeg":
        start = content.index(b"\xff\xc0") + 5
        content[start : start + 4] = struct.pack(">HH", height & 0xFFFF, width & 0xFFFF)
    elif format == "png":
        header = struct.pack(">II", width & 0xFFFFFFFF, height & 0xFFFFFFFF) + bytes(content[24:29])
        content[16:33] = header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    elif format == "gif":
        content[6:10] = struct.pack("<HH", width & 0xFFFF, height & 0xFFFF)
    elif format == "bmp":
        content[18:26] = struct.pack("<II", width & 0xFFFFFFFF, height & 0xFFFFFFFF)
    return bytes(content)


def gif_frame_outside(rng: Random) -> bytes:
    """Return a GIF whose frame is far outside its screen."""
    content = bytearray(pictures.gif())
    start = content.index(b"\x2c") + 1
    content[start : start + 8] = struct.pack("<HHHH", *(rng.choice((0, 1, 5_000, 65_535)) for _ in range(4)))
    return bytes(content)


def zipped(rng: Random) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(zipfile.ZipInfo("../evil.sh"), rng.randbytes(50))  # without the time of day
    return archive.getvalue()


SCRIPTS = (
    b"<script>alert(1)</script>",
    b"<?php system($_GET['c']); ?>",
    b"#!/bin/sh\nrm -rf /\n",
    b"%PDF-1.7\n%%EOF\n",
)


def polyglot(rng: Random) -> bytes:
    """Return a picture that is a script or an archive too: behind it, before it, or in its comment."""
    whole, other = rng.choice(list(WHOLE.values()))(), rng.choice((*SCRIPTS, zipped(rng)))
    return rng.choice((whole + other, other + whole, jpeg_with(segment(0xFE, other)), png_with(chunk(b"tEXt", other))))


def broken_exif(rng: Random) -> bytes:
    """Return a valid picture whose EXIF block has wild or circular pointers, or is noise."""
    entries = b"".join(
        struct.pack(">HHII", rng.choice((0x112, 0x8769, 0x8825, 0x201, 0xA005)), rng.randrange(16), *numbers)
        for numbers in [(rng.choice((1, 0, 2**31, 2**32 - 1)), rng.choice((8, 0, 2**32 - 1))) for _ in range(9)]
    )
    tiff = rng.choice((b"MM\x00*\x00\x00\x00\x08\x00\x09" + entries, b"II*\x00" + rng.randbytes(80), rng.randbytes(9)))
    exif = b"Exif\x00\x00" + tiff + struct.pack(">I", 8)
    return rng.choice((jpeg_with(segment(0xE1, exif)), png_with(chunk(b"eXIf", tiff))))


def broken_icc(rng: Random) -> bytes:
    """Return a valid picture whose colour profile is noise, huge or a decompression bomb."""
    noise = rng.randbytes(200)
    bomb = zlib.compress(bytes(5_000_000))
    return rng.choice(
        (
            jpeg_with(segment(0xE2, b"ICC_PROFILE\x00\x01\x01" + noise)),
            jpeg_with(segment(0xE2, b"ICC_PROFILE\x00\xff\x00" + noise), segment(0xE2, b"ICC_PROFILE\x00")),
            png_with(chunk(b"iCCP", b"name\x00\x00" + bomb)),
            png_with(chunk(b"iCCP", b"name\x00\x07" + noise)),
            encoded(pictures.gradient(), "WEBP", icc_profile=noise),
        )
    )


def odd_mode(rng: Random) -> bytes:
    """Return a whole picture in a mode that few cameras know."""
    mode, format = rng.choice(
        (("1", "PNG"), ("I;16", "PNG"), ("LA", "PNG"), ("P", "BMP"), ("1", "BMP"), ("CMYK", "JPEG"), ("F", "TIFF"))
    )
    image = Image.new("L", pictures.SIZE)
    image.putdata(rng.randbytes(pictures.SIZE[0] * pictures.SIZE[1]))
    return encoded(image.convert("RGB" if mode == "CMYK" else "L").convert(mode), format)


def extreme_size(rng: Random) -> bytes:
    """Return a picture, or a header alone, of a size that nobody photographs."""
    long = rng.choice((1_000, 16_000, 60_000))
    sizes = (1, 1), (1, long), (long, 1), (2, long), (long, 3)
    lies = (0, 0), (0, 65_535), (65_535, 0), (1, 65_535), (2**31 - 1, 1), (-1, -1), (5, -48), (2**32 - 1, 2**32 - 1)
    if rng.random() < 0.5:
        return encoded(Image.new("RGB", rng.choice(sizes)), rng.choice(("PNG", "JPEG", "BMP", "GIF")))
    return of_size(rng.choice(("jpeg", "png", "gif", "bmp")), *rng.choice(lies))


def endless_metadata(rng: Random) -> bytes:
    """Return a picture with more comments and chunks than pixels."""
    count = rng.randrange(1_000, 20_000)
    return rng.choice(
        (
            lambda: jpeg_with(segment(0xFE, b"") * count),
            lambda: jpeg_with(b"\xff" * count),
            lambda: jpeg_with(segment(0xFE, bytes(65_000)) * 9),
            lambda: png_with(chunk(b"teSt", b"") * count),
            lambda: png_with(chunk(b"tEXt", b"a\x00b") * count),
            lambda: png_with(chunk(b"zTXt", b"a\x00\x00" + zlib.compress(bytes(1_000_000))) * 80),
            lambda: pictures.with_comment(count * 10, "GIF"),
        )
    )()


def no_picture(rng: Random) -> bytes:
    """Return a file that is something else."""
    return rng.choice(
        (
            b"",
            rng.randbytes(rng.randrange(1, 300)),
            pictures.text(),
            pictures.tiff(),
            zipped(rng),
            *SCRIPTS,
            b"\x7fELF" + bytes(60),
            b'<svg xmlns="http://www.w3.org/2000/svg"/>',
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
            encoded(pictures.gradient(), "ICO"),
            encoded(pictures.gradient(), "PPM"),
        )
    )


def small_bomb(rng: Random) -> bytes:
    """Return few bytes that promise too many pixels, or too many passes over them."""
    return rng.choice(
        (
            lambda: pictures.huge_header(rng.randrange(8_000, 60_000), rng.randrange(8_000, 60_000)),
            lambda: of_size("gif", 65_535, 65_535),
            lambda: of_size("jpeg", 65_500, 65_500),
            lambda: of_size("bmp", 40_000, -40_000),
            lambda: pictures.of_many_scans(rng.randrange(101, 5_000)),
            lambda: encoded(Image.new("1", (9_000, 9_000)), "TIFF", compression="group4"),
        )
    )()


def large_bomb(rng: Random) -> bytes:
    """Return a picture of just as many pixels as are allowed, or well above; each takes seconds to make."""
    size = rng.choice(((7_000, 7_000), (49_000, 1_000), (12_000, 12_000)))
    mode, format = rng.choice((("1", "PNG"), ("RGBA", "PNG"), ("LA", "PNG"), ("RGB", "JPEG"), ("P", "GIF")))
    options = {"compress_level": 1} if format == "PNG" else {}
    return encoded(Image.new(mode, size), format, **options)


def webp_bomb(rng: Random) -> bytes:
    """Return a WebP of few bytes and of about as many pixels as are allowed, or as the format can tell."""
    return encoded(Image.new("RGBA", rng.choice(((7_000, 7_000), (16_383, 3_000)))), "WEBP", lossless=True, method=0)


CRAFTED: dict[str, Make] = {
    make.__name__: make
    for make in (
        polyglot,
        broken_exif,
        broken_icc,
        odd_mode,
        extreme_size,
        endless_metadata,
        no_picture,
        small_bomb,
        gif_frame_outside,
    )
}
COSTLY: dict[str, Make] = {make.__name__: make for make in (large_bomb, webp_bomb)}
"""These take seconds to make and to classify, so few are sent."""
