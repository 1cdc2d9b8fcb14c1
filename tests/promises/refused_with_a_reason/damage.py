"""Whole pictures of each format, and ways to damage them."""

from collections.abc import Callable
from random import Random

from tests import pictures
from tests.pictures import encoded

Damage = Callable[[bytes, Random], bytes]

WHOLE: dict[str, Callable[[], bytes]] = {
    "jpeg": pictures.jpeg,
    "progressive jpeg": lambda: encoded(pictures.gradient(), "JPEG", progressive=True),
    "png": pictures.png,
    "webp": pictures.webp,
    "lossy webp": lambda: encoded(pictures.gradient(), "WEBP"),
    "gif": pictures.gif,
    "bmp": pictures.bmp,
    "mpo": pictures.mpo,
    "animated gif": pictures.animated_gif,
    "animated webp": pictures.animated_webp,
    "exif jpeg": pictures.exif_rotated,
    "palette png": pictures.palette_hidden_red,
    "16-bit png": pictures.sixteen_bit_grey,
}
HEADER_BYTES = 64


def truncated(content: bytes, rng: Random) -> bytes:
    return content[: rng.randrange(len(content))]


def flipped(content: bytes, rng: Random, among: int | None = None) -> bytes:
    """Flip up to sixteen bits, of the first `among` bytes."""
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 2, 4, 16))):
        damaged[rng.randrange(min(len(damaged), among or len(damaged)))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def flipped_header(content: bytes, rng: Random) -> bytes:
    return flipped(content, rng, HEADER_BYTES)


def overwritten(content: bytes, rng: Random) -> bytes:
    """Put zeros, ones, noise or a part of the picture itself in the place of some bytes."""
    start, length = rng.randrange(len(content)), rng.randrange(1, 40)
    patch = rng.choice((bytes(length), b"\xff" * length, rng.randbytes(length), content[:length], b""))
    return content[:start] + patch + content[start + length :]


def doubled(content: bytes, rng: Random) -> bytes:
    """Repeat a part of the picture."""
    start = rng.randrange(len(content))
    end = rng.randrange(start, len(content)) + 1
    return content[:end] + content[start:end] * rng.choice((1, 50)) + content[end:]


DAMAGES = (truncated, flipped, flipped_header, overwritten, doubled)
