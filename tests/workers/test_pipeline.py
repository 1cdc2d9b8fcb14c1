"""The pipeline: right labels on photographs, the same alone and in a batch; on the command line without AWS."""

import csv
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms._presets import ImageClassification

from project import env
from project.pictures import BadPicture
from tests import pictures
from tests.conftest import ROOT
from workers import networks
from workers.classifier import Classifier
from workers.engines.pytorch import TorchEngine
from workers.pipeline import Pipeline

SAMPLES = ROOT / "samples"
PHOTOS = Path(os.environ.get("PHOTOS", SAMPLES))
PHOTOGRAPHS = sorted(path for path in PHOTOS.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
CATS = {"tabby", "tiger cat", "Egyptian cat", "Persian cat", "lynx"}


@pytest.fixture(scope="module")
def pipeline():
    """With the fallback's weights, which are installed."""
    classifier = Classifier(TorchEngine(networks.fallback(), "fp32"))
    return Pipeline(classifier, env.read(env.Worker, {}), max_pixels=50_000_000)


@pytest.mark.parametrize(
    ("file", "labels"),
    [("chelsea.png", CATS), ("coffee.png", {"espresso"}), ("flower.jpg", {"daisy"}), ("camera.png", {"tripod"})],
)
def test_the_sample_gets_the_right_label(pipeline, file, labels):
    assert pipeline.classify((SAMPLES / file).read_bytes()).top5[0].label in labels


def test_an_outcome_has_five_sorted_labels_a_header_and_a_thumbnail(pipeline, sample):
    found = pipeline.classify(sample.read_bytes())
    confidences = [prediction.confidence for prediction in found.top5]
    assert len(confidences) == 5
    assert confidences == sorted(confidences, reverse=True)
    assert 0 < sum(confidences) <= 1
    assert all(networks.LABELS[prediction.index] == prediction.label for prediction in found.top5)
    assert (found.header.format, found.header.width, found.header.height) == ("PNG", 451, 300)
    assert found.thumbnail.startswith(b"\xff\xd8")


def test_a_picture_gets_the_same_labels_in_a_batch_as_alone(pipeline):
    contents = [path.read_bytes() for path in sorted(SAMPLES.iterdir()) if path.suffix in (".png", ".jpg")]
    alone = [pipeline.classify(content).top5 for content in contents]
    with ThreadPoolExecutor(len(contents)) as threads:
        together = [found.top5 for found in threads.map(pipeline.classify, contents)]
    for one, other in zip(alone, together, strict=True):
        assert one[0].label == other[0].label
        assert one[0].confidence == pytest.approx(other[0].confidence, abs=1e-3)


def test_bad_pictures_do_not_affect_others(pipeline, sample):
    contents = [pictures.truncated(), sample.read_bytes(), pictures.corrupt_middle(), pictures.text()]

    def label_or_code(content):
        try:
            return pipeline.classify(content).top5[0].label
        except BadPicture as bad:
            return bad.code

    with ThreadPoolExecutor(len(contents)) as threads:
        answers = list(threads.map(label_or_code, contents))
    assert answers[1] in CATS
    assert answers[:1] + answers[2:] == ["broken", "broken", "not_an_image"]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("name", pictures.GOOD)
def test_every_good_picture_is_classified(pipeline, name):
    assert pipeline.classify(pictures.GOOD[name]()).top5[0].label in networks.LABELS


def test_a_rotated_photograph_is_made_upright(pipeline):
    with pictures.Image.open(SAMPLES / "coffee.png") as image:
        lying = image.convert("RGB").transpose(pictures.Image.Transpose.ROTATE_90)
    exif = pictures.Image.Exif()
    exif[pictures.ExifTags.Base.Orientation] = pictures.ROTATE_270
    content = pictures.encoded(lying, "PNG", exif=exif)
    upright = pipeline.classify((SAMPLES / "coffee.png").read_bytes())
    assert pipeline.classify(content).top5 == upright.top5


MEASURE = """
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import tests.environment
from PIL import Image
from tests import pictures
from workers.pipeline import pipeline
pipeline().warm_up()
large = pictures.encoded(Image.new("1", (7_000, 7_000)), "PNG")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with ThreadPoolExecutor(16) as threads:
    list(threads.map(pipeline().classify, [large] * 16))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_only_few_large_pictures_are_in_memory_at_once():
    environ = {**os.environ, "MODEL_THREADS": "2"}
    measured = subprocess.run(
        [sys.executable, "-c", MEASURE], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    assert int(measured.stdout.split()[-1]) < 600_000  # kB; one takes 250 MB, and 16 in 16 threads took 3 GB


def test_warming_up_returns_the_time_of_a_batch(pipeline):
    assert 0 < pipeline.warm_up() < 30


def test_photographs_get_the_labels_of_the_reference(pipeline):
    """The network as it is, unfolded, on inputs of torchvision's own transform."""
    settings = networks.FALLBACK_PREPROCESSING
    reference = ImageClassification(
        crop_size=settings.crop,
        resize_size=settings.resize,
        mean=settings.mean,
        std=settings.deviation,
        interpolation=InterpolationMode.BICUBIC,
    )
    network = networks.fallback().network
    for path in PHOTOGRAPHS:
        with Image.open(path) as image, torch.inference_mode():
            probabilities = network(reference(image.convert("RGB"))[None]).softmax(1)[0]
        top5 = pipeline.classify(path.read_bytes()).top5
        assert top5[0].index == probabilities.argmax(), path.name
        for prediction in top5:
            assert prediction.confidence == pytest.approx(float(probabilities[prediction.index]), abs=0.02), path.name


@pytest.mark.skipif("PHOTOS" not in os.environ, reason="PHOTOS names no folder of labelled photographs")
def test_at_least_85_of_100_photographs_are_recognised(pipeline):
    folder = Path(os.environ["PHOTOS"])
    with (folder / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    with ThreadPoolExecutor(8) as threads:
        outcomes = threads.map(lambda row: pipeline.classify((folder / row["file"]).read_bytes()), rows)
        right = [found.top5[0].index == int(row["class_index"]) for found, row in zip(outcomes, rows, strict=True)]
    assert sum(right) >= 0.85 * len(rows)


@pytest.fixture(scope="module")
def by_command(tmp_path_factory):
    """What `python -m workers` prints and returns for two samples and a bad file, without any AWS variable."""
    bad = tmp_path_factory.mktemp("bad") / "bad.jpg"
    bad.write_bytes(pictures.truncated())
    return run("--json", str(SAMPLES / "coffee.png"), str(bad), str(SAMPLES / "flower.jpg"))


def run(*arguments):
    """Run `python -m workers` on the fallback's weights, with no variable of AWS, queues or buckets."""
    needed = {"PATH", "HOME", "LANG", "VIRTUAL_ENV"}
    environ = {name: value for name, value in os.environ.items() if name in needed}
    # The proxy refuses, so that the fallback is taken at once wherever this runs.
    environ |= {"MODEL_FALLBACK": "1", "TORCH_HOME": "/nonexistent", "https_proxy": "http://127.0.0.1:9"}
    return subprocess.run(
        [sys.executable, "-m", "workers", *arguments],
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_prints_one_json_object_per_picture_in_order(by_command):
    coffee, _, flower = [json.loads(line) for line in by_command.stdout.splitlines()]
    assert (coffee["top5"][0]["label"], flower["top5"][0]["label"]) == ("espresso", "daisy")
    assert coffee["file"].endswith("samples/coffee.png")
    assert (coffee["model"], coffee["weights"]) == ("efficientnet_lite0", "imagenet sha256:579344248a93")


def test_the_command_reports_the_error_of_a_bad_file(by_command):
    bad = json.loads(by_command.stdout.splitlines()[1])
    assert (bad["error_code"], bad["error"]) == ("broken", "The picture is truncated or broken.")
    assert by_command.returncode == 1


def test_the_command_warns_of_the_fallback(by_command):
    assert "using the fallback" in by_command.stderr


def test_the_command_prints_a_table_that_names_the_model():
    done = run(str(SAMPLES / "camera.png"))
    assert done.returncode == 0
    assert "tripod" in done.stdout
    assert "efficientnet_lite0" in done.stdout


def test_the_command_names_a_missing_file():
    done = run("nowhere.jpg")
    assert done.returncode == 2
    assert "nowhere.jpg" in done.stderr
    assert "Traceback" not in done.stderr
