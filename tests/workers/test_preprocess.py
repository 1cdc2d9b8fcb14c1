"""Preprocessing: equal to torchvision's reference, the right colours of every kind of picture, bounded in all."""

import io
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps
from torchvision.models import ResNet18_Weights, ResNet50_Weights
from torchvision.transforms.functional import to_tensor

from project import contract
from project.pictures import MAX_SCANS, BadPicture, open_picture
from tests import pictures
from tests.conftest import ROOT
from tests.pictures import BLUE, RED, WHITE
from workers import preprocess
from workers.networks import FALLBACK_PREPROCESSING
from workers.preprocess import Preprocessing

MAX_PIXELS = 50_000_000
PHOTOS = Path(os.environ.get("PHOTOS", ROOT / "samples"))
PHOTOGRAPHS = sorted(path for path in PHOTOS.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))


def decode(content, max_pixels=MAX_PIXELS, **options):
    image, _ = open_picture(content, max_pixels)
    return preprocess.decode(image, **options)


def decoded(content):
    return decode(content).image


def reference_preprocessing(weights):
    reference = weights.transforms()
    return Preprocessing(
        resize=reference.resize_size[0],
        crop=reference.crop_size[0],
        resample=Image.Resampling[reference.interpolation.name],
        mean=tuple(reference.mean),
        deviation=tuple(reference.std),
    )


@pytest.mark.parametrize("weights", [ResNet18_Weights.IMAGENET1K_V1, ResNet50_Weights.IMAGENET1K_V2])
def test_the_input_equals_the_references(weights):
    ours, reference = reference_preprocessing(weights), weights.transforms()
    normalisation = ours.normalisation()
    # In units of a pixel's 255 steps.
    scale = 255 * np.array(ours.deviation, np.float32)[:, None, None]
    for path in PHOTOGRAPHS:
        with Image.open(path) as image:
            rgb = image.convert("RGB")
        difference = np.abs(preprocess.tensor(rgb, ours, normalisation) - reference(rgb).numpy()) * scale
        assert np.rint(difference).max() <= 2, path.name


@pytest.mark.parametrize("size", [(224, 224), (231, 1000), (1000, 231), (10, 10), (1, 300), (300, 1), (225, 227)])
def test_the_input_of_odd_sizes_equals_the_references(size):
    weights = ResNet50_Weights.IMAGENET1K_V2
    ours = reference_preprocessing(weights)
    image = pictures.gradient(size)
    difference = np.abs(preprocess.tensor(image, ours, ours.normalisation()) - weights.transforms()(image).numpy())
    assert np.rint(difference * 255 * np.array(ours.deviation, np.float32)[:, None, None]).max() <= 2


def differences(content, weights):
    """Return by how many of 255 steps the input of a picture, reduced where it may be, differs from the reference's."""
    ours = reference_preprocessing(weights)
    with Image.open(io.BytesIO(content)) as image:
        reference = weights.transforms()(ImageOps.exif_transpose(image).convert("RGB")).numpy()
    return differences_from(reference, content, ours)


def differences_from(reference, content, ours):
    picture = decode(content, resize=ours.resize)
    difference = preprocess.inputs(ours, "reference")(picture) - reference
    return np.rint(np.abs(difference) * 255 * np.array(ours.deviation, np.float32)[:, None, None]), picture


@pytest.mark.parametrize("size", [(4000, 3000), (2999, 4001), (2801, 9001)])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_a_large_jpeg_is_decoded_at_reduced_scale_with_the_references_input(size, subsampling):
    for path in PHOTOGRAPHS[:2]:
        with Image.open(path) as image:
            large = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
        content = pictures.encoded(large, "JPEG", quality=90, subsampling=subsampling)
        found, picture = differences(content, ResNet50_Weights.IMAGENET1K_V2)
        assert max(picture.image.size) < max(picture.size) == max(size)
        assert found.max() <= 2, path.name


@pytest.mark.parametrize(("subsampling", "most", "most_beyond_two"), [(0, 2, 0), (2, 4, 1 / 400)])
@pytest.mark.parametrize("name", ["china.jpg", "coffee.png", "flower.jpg"])
def test_a_detailed_large_jpeg_has_nearly_the_same_input_at_reduced_scale(name, subsampling, most, most_beyond_two):
    with Image.open(ROOT / "samples" / name) as image:
        large = pictures.detailed(image.convert("RGB"), (6000, 4000))
    content = pictures.encoded(large, "JPEG", quality=90, subsampling=subsampling)
    whole = decode(content)
    for ours in (reference_preprocessing(ResNet50_Weights.IMAGENET1K_V2), FALLBACK_PREPROCESSING):
        found, picture = differences_from(preprocess.inputs(ours, "reference")(whole), content, ours)
        assert max(picture.image.size) == 3000
        assert found.max() <= most
        assert (found > 2).mean() <= most_beyond_two


def test_a_large_rotated_jpeg_is_decoded_at_reduced_scale_too():
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = pictures.ROTATE_270
    content = pictures.encoded(pictures.gradient((4000, 2800)), "JPEG", quality=95, exif=exif)
    found, picture = differences(content, ResNet50_Weights.IMAGENET1K_V2)
    assert (picture.size, picture.image.size) == ((2800, 4000), (1400, 2000))
    assert found.max() <= 2


def test_a_jpeg_below_twelve_times_the_input_is_decoded_at_full_scale():
    resize = 100
    edge = 2 * preprocess.REDUCED_SIDE * resize
    for side, decoded_side in ((edge, edge // 2), (edge - 1, edge - 1)):
        picture = decode(pictures.jpeg((side, side)), resize=resize)
        assert picture.image.size == (decoded_side, decoded_side)


def test_bare_pictures_are_neither_resized_nor_normalised():
    image = pictures.noise((64, 64))
    make = preprocess.inputs(FALLBACK_PREPROCESSING, "bare")
    picture = decode(pictures.encoded(image, "PNG"), resize=FALLBACK_PREPROCESSING.resize)
    assert np.array_equal(make(picture), to_tensor(image).numpy())


@pytest.mark.parametrize(("size", "shape"), [((224, 224), (3, 224, 224)), ((224, 7), (3, 7, 224))])
def test_bare_pictures_may_be_as_large_as_the_crop(size, shape):
    picture = decode(pictures.png(size))
    assert preprocess.inputs(FALLBACK_PREPROCESSING, "bare")(picture).shape == shape


def test_larger_pictures_are_never_bare():
    picture = decode(pictures.png((225, 7)))
    bare, reference = (preprocess.inputs(FALLBACK_PREPROCESSING, kind)(picture) for kind in ("bare", "reference"))
    assert np.array_equal(bare, reference)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("name", pictures.GOOD)
def test_every_good_picture_becomes_an_input_and_a_thumbnail(name):
    image = decoded(pictures.GOOD[name]())
    tensor = preprocess.tensor(image, FALLBACK_PREPROCESSING, FALLBACK_PREPROCESSING.normalisation())
    assert (tensor.shape, tensor.dtype) == ((3, 224, 224), np.float32)
    assert np.isfinite(tensor).all()
    assert Image.open(io.BytesIO(preprocess.thumbnail(image))).format == "JPEG"


@pytest.mark.parametrize(
    ("content", "left", "right"),
    [
        (pictures.greyscale(), (100, 100, 100), (100, 100, 100)),
        (pictures.sixteen_bit_grey(100), (100, 100, 100), (100, 100, 100)),
        (pictures.sixteen_bit_grey(255), WHITE, WHITE),
        (pictures.one_bit(), (0, 0, 0), WHITE),
        (pictures.cmyk(), RED, RED),
        (pictures.rgba_hidden_red(), WHITE, BLUE),
        (pictures.la_hidden_black(), WHITE, (100, 100, 100)),
        (pictures.palette_hidden_red(), WHITE, BLUE),
        (pictures.animated_gif(), RED, RED),
        (pictures.animated_webp(), RED, RED),
    ],
    ids=["grey", "16 bit", "16 bit white", "1 bit", "CMYK", "RGBA", "LA", "palette", "GIF", "WebP"],
)
def test_an_odd_picture_has_the_right_colours(content, left, right):
    image = decoded(content)
    assert (image.mode, image.size) == ("RGB", pictures.SIZE)
    assert [image.getpixel((0, 24)), image.getpixel((63, 24))] == [left, right]


def test_half_transparent_colours_are_mixed_with_white():
    content = pictures.encoded(Image.new("RGBA", (8, 8), (0, 0, 0, 51)), "PNG")
    assert decoded(content).getpixel((0, 0)) == (204, 204, 204)


@pytest.mark.parametrize("make", [pictures.jpeg, pictures.png, pictures.webp, pictures.bmp])
def test_every_format_shows_the_same_picture(make):
    difference = np.asarray(decoded(make()), np.int16) - np.asarray(pictures.gradient(), np.int16)
    assert np.abs(difference).max() <= 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied_as_by_pillow(orientation):
    content = pictures.exif_rotated(orientation)
    with Image.open(io.BytesIO(content)) as image:
        upright = ImageOps.exif_transpose(image)
    assert np.array_equal(np.asarray(decoded(content)), np.asarray(upright))


def test_the_exif_orientation_is_ignored_if_configured():
    image = decode(pictures.exif_rotated(), exif_transpose=False).image
    assert image.size == pictures.SIZE


def test_the_header_has_the_stored_size():
    image, header = open_picture(pictures.exif_rotated(), MAX_PIXELS)
    assert (header.width, header.height) == pictures.SIZE
    picture = preprocess.decode(image)
    assert picture.image.size == picture.size == (48, 64)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_picture_with_broken_exif_is_accepted():
    assert decoded(pictures.broken_exif()).size == pictures.SIZE


def test_the_first_of_several_pictures_in_a_file_is_decoded():
    image, header = open_picture(pictures.mpo(), MAX_PIXELS)
    picture = preprocess.decode(image)
    assert header.format == "JPEG"
    assert np.abs(np.asarray(picture.image, np.int16) - np.asarray(pictures.gradient(), np.int16)).max() <= 8


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (pictures.empty(), "empty"),
        (pictures.text(), "not_an_image"),
        (pictures.tiff(), "not_an_image"),
        (pictures.truncated(), "broken"),
        (pictures.truncated(missing=2), "broken"),
        (pictures.truncated(pictures.png(), 60), "broken"),
        (pictures.truncated(pictures.webp(), 2), "broken"),
        (pictures.truncated(pictures.bmp(), 2), "broken"),
        (pictures.corrupt_middle(), "broken"),
        (pictures.huge_header(), "too_many_pixels"),
        (pictures.bomb(), "too_many_pixels"),
        (pictures.huge_header(100, 100), "broken"),
        (pictures.of_many_scans(), "too_many_scans"),
    ],
)
def test_a_bad_picture_is_refused_with_its_reason(content, code):
    with pytest.raises(BadPicture) as refusal:
        decoded(content)
    assert refusal.value.code == code
    assert str(refusal.value).endswith(".")


def test_as_many_pixels_as_allowed_are_decoded():
    assert decode(pictures.of_pixels(100, 50), max_pixels=5_000).size == (100, 50)


def test_one_pixel_more_is_refused():
    with pytest.raises(BadPicture, match=r"5001 x 1 = 5,001 pixels; at most 5,000 are allowed\."):
        decode(pictures.of_pixels(5_001, 1), max_pixels=5_000)


def test_as_many_scans_as_allowed_are_decoded():
    assert decoded(pictures.of_many_scans(MAX_SCANS)).size == pictures.SIZE


def test_broken_pictures_do_not_affect_the_next():
    with pytest.raises(BadPicture):
        decoded(pictures.truncated())
    assert decoded(pictures.jpeg()).size == pictures.SIZE


@pytest.mark.parametrize("format", ["JPEG", "GIF"])
def test_a_pictures_comment_is_not_in_its_thumbnail(format):
    jpeg = preprocess.thumbnail(decoded(pictures.with_comment(60_000 if format == "JPEG" else 200_000, format)))
    assert len(jpeg) <= contract.MAX_THUMBNAIL_BYTES
    assert "comment" not in Image.open(io.BytesIO(jpeg)).info


MEASURE = """
import resource
from project.pictures import open_picture
from tests import pictures
from workers import preprocess
from workers.preprocess import Preprocessing
from PIL import Image
settings = Preprocessing(232, 224, Image.Resampling.BILINEAR, (0.5,) * 3, (0.5,) * 3)
def peak_of(content):
    image = preprocess.decode(open_picture(content, 50_000_000)[0]).image
    preprocess.tensor(image, settings, settings.normalisation())
    preprocess.thumbnail(image)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
small = peak_of(pictures.png((256, 256)))
print(peak_of(pictures.long_line()) - small)
print(peak_of(pictures.encoded(Image.new("RGBA", (7_000, 7_000)), "PNG")) - small)
"""


def test_large_pictures_take_little_memory():
    measured = subprocess.run([sys.executable, "-c", MEASURE], cwd=ROOT, capture_output=True, text=True, check=True)
    line, transparent = map(int, measured.stdout.split())
    assert line < 50_000  # kB; the reference takes 4.3 GB
    assert transparent < 3 * 200_000  # Pillow's own composition takes 5 copies of 200 MB


def test_a_decompression_bomb_is_refused_before_it_is_decoded():
    content = pictures.bomb()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadPicture):
        decoded(content)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 5_000  # kB; unpacked it takes 169 MB


@pytest.mark.parametrize(
    "image",
    [
        pictures.noise((1000, 1000)),
        pictures.noise((160, 160)),
        pictures.noise((3000, 200)),
        pictures.noise((1, 5000)),
        pictures.noise((5000, 1)),
        pictures.noise((1, 1)),
        pictures.gradient((2000, 1500)),
    ],
    ids=lambda image: "x".join(map(str, image.size)),
)
def test_a_thumbnail_is_small_whatever_it_shows(image):
    jpeg = preprocess.thumbnail(image)
    small = Image.open(io.BytesIO(jpeg))
    small.load()
    assert len(jpeg) <= contract.MAX_THUMBNAIL_BYTES
    assert max(small.size) <= 160


def test_a_thumbnail_keeps_the_proportions():
    small = Image.open(io.BytesIO(preprocess.thumbnail(pictures.gradient((1600, 800)))))
    assert small.size == (160, 80)


def test_a_thumbnail_is_never_larger_than_the_picture():
    small = Image.open(io.BytesIO(preprocess.thumbnail(pictures.gradient((20, 10)))))
    assert small.size == (20, 10)


def test_a_photographs_thumbnail_is_sharp(sample):
    small = Image.open(io.BytesIO(preprocess.thumbnail(decoded(sample.read_bytes()))))
    assert max(small.size) == 160
