"""Preprocessing: from an opened picture to the network's input, and to a thumbnail."""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from project.contract import MAX_THUMBNAIL_BYTES
from project.pictures import BROKEN, READING_ERRORS, BadPicture

# glibc returns blocks above 32 MB to the system as soon as a picture is freed, but keeps smaller ones for the thread.
# With this block size a worker that decodes large pictures takes 1.8 GB instead of 2.8 GB.
Image.core.set_block_size(256 * 1024 * 1024)  # type: ignore[attr-defined]

Input: TypeAlias = npt.NDArray[np.float32]
"""A network's input: float32, (3, height, width), RGB."""

BARE = "bare"

# A JPEG is decoded at half, a quarter or an eighth of its size if its shorter side is then still this many times the
# size it is resized to. The input differs by at most 2/255 from that of the full picture; with halved chroma, as
# cameras write it, by 4/255 in one value of 400.
REDUCED_SIDE = 6

WHITE = (255, 255, 255)
SIXTEEN_TO_EIGHT_BITS = 257  # 65535 / 255
THUMBNAIL_TRIES = ((160, 75), (160, 55), (128, 45), (96, 35), (64, 25), (32, 20))  # longer side in pixels, JPEG quality

# EXIF 2.3, section 4.6.4: the transposition that makes the stored pixels upright.
ORIENTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

SIDEWAYS = (5, 6, 7, 8)
"""Orientations that swap width and height."""


@dataclass(frozen=True)
class Preprocessing:
    """The reference transform of a model's weights: resize the shorter side, crop the centre, scale, normalise.

    resize: what the shorter side is resized to, in pixels. crop: side of the centre square that is kept, in pixels.
    resample: the filter of the resize. mean, deviation: of the training set, one value per channel, RGB, as fractions
    of 1, where 1 is the brightest value of a channel.
    """

    resize: int
    crop: int
    resample: Image.Resampling
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]

    def normalisation(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return factor and shift, float32 (3, 1, 1) each: normalised = bytes * factor + shift."""
        mean, deviation = np.array(self.mean, np.float32), np.array(self.deviation, np.float32)
        factor, shift = np.float32(1) / (np.float32(255) * deviation), -mean / deviation
        return factor.reshape(3, 1, 1), shift.reshape(3, 1, 1)


@dataclass(frozen=True)
class Decoded:
    """An upright RGB picture, possibly decoded at reduced scale, and its full width and height in pixels."""

    image: Image.Image
    size: tuple[int, int]


def decode(image: Image.Image, exif_transpose: bool = True, resize: int | None = None) -> Decoded:
    """Decode an opened picture; for an animation, its first frame.

    resize: what the shorter side will be resized to, in pixels. If given, a large JPEG is decoded at reduced scale.
    Raises BadPicture.
    """
    size = image.size
    try:
        if resize:
            scale = REDUCED_SIDE * resize / min(size)
            image.draft(None, (math.ceil(size[0] * scale), math.ceil(size[1] * scale)))
        image.load()
        rgb = _rgb(image)
        if exif_transpose:
            orientation = _orientation(image)
            rgb = _transposed(rgb, orientation)
            size = size[::-1] if orientation in SIDEWAYS else size
    except READING_ERRORS as error:
        raise BadPicture(BROKEN, "The picture is truncated or broken.") from error
    # Pillow would write the picture's comment, of any length, into the thumbnail.
    rgb.info.clear()
    return Decoded(rgb, size)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        eight_bits = np.clip(np.asarray(image), 0, 65535) // SIXTEEN_TO_EIGHT_BITS
        image = Image.fromarray(eight_bits.astype(np.uint8))
    if image.has_transparency_data:
        return _on_white(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    """Return a picture on a white background, with as few copies as possible: 50 million pixels take 200 MB."""
    if image.mode not in ("RGBA", "LA"):
        image = image.convert("RGBA")
    white = Image.new("RGB", image.size, WHITE)
    white.paste(image, mask=image)
    return white


def _orientation(image: Image.Image) -> int | None:
    try:
        orientation: int | None = image.getexif().get(ExifTags.Base.Orientation)
    except READING_ERRORS:  # The pixels may be fine although the EXIF block is broken.
        return None
    return orientation


def _transposed(rgb: Image.Image, orientation: int | None) -> Image.Image:
    return rgb.transpose(ORIENTATIONS[orientation]) if orientation in ORIENTATIONS else rgb


def inputs(preprocessing: Preprocessing, kind: str) -> Callable[[Decoded], Input]:
    """Return the function from a decoded picture to the network's input, for a value of PREPROCESSING."""
    normalisation = preprocessing.normalisation()

    def reference(picture: Decoded) -> Input:
        return tensor(picture.image, preprocessing, normalisation, picture.size)

    def bare(picture: Decoded) -> Input:
        # The legacy system's pictures are 64 x 64 pixels. Large ones are resized, or they would take too much memory.
        return bare_tensor(picture.image) if max(picture.size) <= preprocessing.crop else reference(picture)

    return bare if kind == BARE else reference


def bare_tensor(image: Image.Image) -> Input:
    """Return an RGB picture as input without resizing and normalising: float32, (3, height, width), 0 to 1."""
    return np.ascontiguousarray(np.asarray(image, np.float32).transpose(2, 0, 1)) / np.float32(255)


def tensor(
    image: Image.Image,
    preprocessing: Preprocessing,
    normalisation: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]],
    size: tuple[int, int] | None = None,
) -> Input:
    """Return the network's input for an RGB picture: float32, (3, crop, crop), channels last in memory.

    Resamples only what the crop keeps, so a picture of 20000 x 1 costs no more than any other.

    normalisation: from Preprocessing.normalisation. size: the full (width, height) in pixels if `image` was decoded at
    reduced scale.
    """
    side = preprocessing.crop
    size = size or image.size
    # Rounded, because the last column of a reduced picture may cover fewer pixels than the others.
    reduction = round(max(size) / max(image.size))
    left, top, right, bottom = (edge / reduction for edge in _crop_box(*size, preprocessing))
    box = (left, top, min(right, image.width), min(bottom, image.height))
    pixels = np.asarray(image.resize((side, side), preprocessing.resample, box=box))
    factor, shift = (np.tile(each.ravel(), side) for each in normalisation)
    # In the pixels' own order, channels last, which PyTorch's engine wants too. By whole rows, because NumPy is slow
    # along an axis of three.
    normalised: Input = np.multiply(pixels.reshape(side, side * 3), factor)
    normalised += shift
    return normalised.reshape(side, side, 3).transpose(2, 0, 1)


def _crop_box(width: int, height: int, preprocessing: Preprocessing) -> tuple[float, float, float, float]:
    """Return the centre crop (left, top, right, bottom) in pixels of the original, rounded as torchvision does."""
    resize, crop = preprocessing.resize, preprocessing.crop
    if width <= height:
        resized_width, resized_height = resize, int(resize * height / width)
    else:
        resized_width, resized_height = int(resize * width / height), resize
    left, top = round((resized_width - crop) / 2.0), round((resized_height - crop) / 2.0)
    x, y = width / resized_width, height / resized_height
    return left * x, top * y, (left + crop) * x, (top + crop) * y


def thumbnail(image: Image.Image) -> bytes:
    """Return a JPEG of an RGB picture: at most MAX_THUMBNAIL_BYTES, its longer side at most 160 pixels."""
    for side, quality in THUMBNAIL_TRIES:
        image = _within(image, side)
        jpeg = io.BytesIO()
        image.save(jpeg, "JPEG", quality=quality)
        if jpeg.tell() <= MAX_THUMBNAIL_BYTES:
            break
    return jpeg.getvalue()


def _within(image: Image.Image, side: int) -> Image.Image:
    """Return a picture whose longer side is at most `side` pixels."""
    scale = side / max(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    # With reducing_gap Pillow first averages whole blocks, which takes a third of the time.
    return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=1.01)
