"""The classifier on photographs: right labels, the same in company as alone, and without any AWS."""

import csv
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from project import env
from project.pictures import BadPicture
from tests.conftest import ROOT
from workers import models
from workers.classifier import Classifier

SAMPLES = {"camera.png": "tripod", "chelsea.png": "tiger cat", "coffee.png": "espresso", "flower.jpg": "daisy"}
NO_AWS = {
    name: value for name, value in os.environ.items() if "AWS" not in name and not name.endswith(("_URL", "BUCKET"))
}


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier(models.fallback(), env.read(env.Worker, {}), env.common().max_pixels)


@pytest.mark.parametrize(("name", "label"), SAMPLES.items())
def test_a_sample_is_what_it_shows(classifier, name, label):
    outcome = classifier.classify((ROOT / "samples" / name).read_bytes())
    assert outcome.top5[0].label == label
    confidences = [prediction.confidence for prediction in outcome.top5]
    assert confidences == sorted(confidences, reverse=True)


def test_company_changes_nothing_and_a_bad_picture_fails_alone(classifier):
    def label(content: bytes) -> str:
        try:
            return classifier.classify(content).top5[0].label
        except BadPicture as bad:
            return bad.code

    contents = [(ROOT / "samples" / name).read_bytes() for name in SAMPLES]
    with ThreadPoolExecutor(9) as threads:
        labels = list(threads.map(label, [*contents, contents[0][:-100], *contents]))
    assert labels == [*SAMPLES.values(), "broken", *SAMPLES.values()]


@pytest.mark.skipif("PHOTOS" not in os.environ, reason="PHOTOS names no folder of photographs with labels.csv")
def test_at_least_85_of_100_photographs_are_right(classifier):
    folder = Path(os.environ["PHOTOS"])
    with (folder / "labels.csv").open() as file:
        labels = {row["file"]: row["label"] for row in csv.DictReader(file)}
    with ThreadPoolExecutor(16) as threads:
        outcomes = threads.map(lambda name: classifier.classify((folder / name).read_bytes()), labels)
        right = sum(outcome.top5[0].label == label for outcome, label in zip(outcomes, labels.values(), strict=True))
    assert right >= 0.85 * len(labels)


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "workers", *arguments]
    return subprocess.run(command, env=NO_AWS, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_needs_no_aws_and_names_the_model():
    done = run("--json", "samples/coffee.png", "samples/README.md")
    coffee, readme = (json.loads(line) for line in done.stdout.splitlines())
    assert (coffee["top5"][0]["label"], coffee["model"]) == ("espresso", "efficientnet_lite0")
    assert readme["error_code"] == "not_an_image"
    assert done.returncode == 1
