"""Checks of an uploaded picture, by its magic bytes and header. Nothing is decoded here."""

import io
import re
import struct
import zlib
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from project import contract
from project.refusals import Refusal

# Replaced by our own limit, which is checked before decoding.
Image.MAX_IMAGE_PIXELS = None

EMPTY = "empty"
NOT_AN_IMAGE = "not_an_image"
TOO_MANY_BYTES = "too_many_bytes"
TOO_MANY_PIXELS = "too_many_pixels"
TOO_MANY_SCANS = "too_many_scans"
BROKEN = "broken"
MISSING = "missing"
CRASHED = "crashed"
TOO_SLOW = "too_slow"

MEDIA_TYPES = tuple(f"image/{name.lower()}" for name in contract.FORMATS)
"""The media types of the pictures that are taken."""

# Each scan of a JPEG passes over all pixels, which takes 35 ms for 50 million pixels, and can be as short as 75 bytes:
# 10 MB of scans would take an hour. Encoders write about ten scans for each picture in the file.
MAX_SCANS = 100
START_OF_SCAN = re.compile(rb"\xff\xda\x00[\x08\x0a\x0c\x0e][\x01-\x04]")  # ITU-T T.81, section B.2.3

# What Pillow raises on truncated or manipulated data.
READING_ERRORS = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error, zlib.error)


class BadPicture(Refusal):
    """A picture that can't be classified."""


@dataclass(frozen=True)
class Header:
    """A picture's format, by Pillow's name, and its size in pixels as stored, before any EXIF rotation."""

    format: str
    width: int
    height: int

    @property
    def content_type(self) -> str:
        return f"image/{self.format.lower()}"


def open_picture(content: bytes, max_pixels: int) -> tuple[Image.Image, Header]:
    """Read a picture's header; return the image, not yet decoded, and the header.

    max_pixels: limit on width x height. Raises BadPicture if the content is empty, broken or in none of
    contract.FORMATS, or has more pixels or JPEG scans than allowed.
    """
    if not content:
        raise BadPicture(EMPTY, "The file is empty.")
    try:
        image = Image.open(io.BytesIO(content), formats=tuple(contract.FORMATS))
    except UnidentifiedImageError as error:
        allowed = ", ".join(contract.FORMATS)
        raise BadPicture(
            NOT_AN_IMAGE, f"The file is not a picture of a known format; allowed are {allowed}."
        ) from error
    except READING_ERRORS as error:
        raise BadPicture(BROKEN, "The picture is truncated or broken.") from error
    width, height = image.size
    if width * height > max_pixels:
        raise BadPicture(
            TOO_MANY_PIXELS,
            f"The picture has {width} x {height} = {width * height:,} pixels; at most {max_pixels:,} are allowed.",
        )
    # Pillow calls a JPEG with several pictures, which phones write, an MPO.
    header = Header("JPEG" if image.format == "MPO" else str(image.format), width, height)
    if header.format == "JPEG":
        _check_scans(content)
    return image, header


def _check_scans(jpeg: bytes) -> None:
    if any(number == MAX_SCANS for number, _ in enumerate(START_OF_SCAN.finditer(jpeg))):
        raise BadPicture(TOO_MANY_SCANS, f"The picture is stored in more than {MAX_SCANS} scans.")
