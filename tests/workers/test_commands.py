"""The worker by command: precisions run only when verified, exports, bare pictures."""

import json
import subprocess
import sys
from copy import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torchvision.models import get_model
from torchvision.transforms.functional import to_tensor

from project.env import ConfigurationError
from tests import pictures
from tests.conftest import ROOT
from workers import admission, networks
from workers.admission import Comparison, compare
from workers.engines.pytorch import TorchEngine

SAMPLES = ROOT / "samples"
GOOD = Comparison(photographs=100, top1_agreement=1.0, top5_overlap=0.98, largest_difference=0.01)


def probabilities(*rows):
    """Return rows of six probabilities, given as the order of the labels, best first."""
    found = np.empty((len(rows), 6))
    for row, order in enumerate(rows):
        found[row, list(order)] = [0.5, 0.2, 0.1, 0.08, 0.07, 0.05]
    return found


def test_equal_probabilities_agree_completely():
    same = probabilities((0, 1, 2, 3, 4, 5), (5, 4, 3, 2, 1, 0))
    assert compare(same, same) == Comparison(2, 1.0, 1.0, 0.0)


def test_differences_are_counted():
    reference = probabilities((0, 1, 2, 3, 4, 5), (0, 1, 2, 3, 4, 5))
    found = probabilities((1, 0, 2, 3, 4, 5), (0, 1, 2, 3, 5, 4))
    comparison = compare(found, reference)
    assert (comparison.top1_agreement, comparison.top5_overlap) == (0.5, 0.9)
    assert comparison.largest_difference == pytest.approx(0.3)


@pytest.fixture(scope="module")
def bf16():
    return TorchEngine(networks.fallback(), "bf16")


def test_a_low_precision_needs_admission(bf16, tmp_path):
    file = tmp_path / "verified.json"
    with pytest.raises(ConfigurationError, match=r"^PRECISION=bf16 is not admitted for efficientnet_lite0 .*verify"):
        admission.check(bf16, file)
    admission.save(bf16, GOOD, True, file)
    admission.check(bf16, file)
    assert json.loads(file.read_text())[0]["photographs"] == 100


def test_the_precision_of_gpus_needs_admission_too(bf16, tmp_path):
    fp16 = copy(bf16)
    fp16.precision = "fp16"
    with pytest.raises(ConfigurationError, match=r"^PRECISION=fp16 is not admitted"):
        admission.check(fp16, tmp_path / "verified.json")


def test_a_failed_verification_revokes_an_admission(bf16, tmp_path):
    file = tmp_path / "verified.json"
    admission.save(bf16, GOOD, True, file)
    admission.save(bf16, GOOD, False, file)
    with pytest.raises(ConfigurationError):
        admission.check(bf16, file)


def test_an_admission_applies_to_its_own_weights_only(bf16, tmp_path):
    file = tmp_path / "verified.json"
    admission.save(bf16, GOOD, True, file)
    entries = json.loads(file.read_text())
    entries[0]["identity"]["weights"] = "others"
    file.write_text(json.dumps(entries))
    with pytest.raises(ConfigurationError):
        admission.check(bf16, file)


def test_an_admission_does_not_depend_on_the_name_of_the_weights_file(tmp_path):
    file = tmp_path / "verified.json"
    trained = networks.fallback()
    admission.save(TorchEngine(renamed(trained, "mine.pth sha256:0123"), "bf16"), GOOD, True, file)
    admission.check(TorchEngine(renamed(trained, "weights.pth sha256:0123"), "bf16"), file)
    with pytest.raises(ConfigurationError):
        admission.check(TorchEngine(renamed(trained, "mine.pth sha256:4567"), "bf16"), file)


def renamed(trained, weights):
    return replace(trained, model=replace(trained.model, weights=weights))


def test_an_unreadable_file_of_admissions_is_named(bf16, tmp_path):
    file = tmp_path / "verified.json"
    file.write_text("admitted!")
    with pytest.raises(ConfigurationError, match=f"^VERIFIED_FILE={file} is not JSON"):
        admission.check(bf16, file)


@pytest.fixture
def command(tmp_path):
    """Runs `python -m workers …` with the fallback, admissions in a folder of the test's own."""

    def run(*arguments, **variables):
        environ = {
            "PATH": "/usr/bin:/bin",
            "MODEL_FALLBACK": "1",
            "https_proxy": "http://127.0.0.1:1",
            "TORCH_HOME": str(tmp_path),
            "VERIFIED_FILE": str(tmp_path / "verified.json"),
            "COLUMNS": "150",
            **variables,
        }
        return subprocess.run(
            [sys.executable, "-m", "workers", *map(str, arguments)],
            cwd=ROOT,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_precision_runs_once_it_is_verified(command):
    refused = command(SAMPLES / "coffee.png", PRECISION="bf16")
    assert refused.returncode == 1
    assert "PRECISION=bf16 is not admitted" in refused.stderr
    verified = command("verify", SAMPLES, "--least-top5", "0.8", "--most-difference", "0.5", PRECISION="bf16")
    assert verified.returncode == 0, verified.stderr
    for word in ("top-1 agreement", "top-5 overlap", "largest difference", "100.0%", "admitted"):
        assert word in verified.stdout
    runs = command(SAMPLES / "coffee.png", PRECISION="bf16")
    assert runs.returncode == 0, runs.stderr
    assert "espresso" in runs.stdout
    assert "bf16" in runs.stdout


def test_a_photograph_that_cannot_be_read_is_named(command, tmp_path):
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    (photographs / "cut.jpg").write_bytes((SAMPLES / "rocket.jpg").read_bytes()[:5000])
    verified = command("verify", photographs, PRECISION="bf16")
    assert verified.returncode == 1
    assert "cut.jpg: The picture is truncated or broken." in " ".join(verified.stderr.split())
    assert "Traceback" not in verified.stderr


def test_a_precision_that_differs_too_much_is_refused(command):
    verified = command("verify", SAMPLES, "--most-difference", "0", PRECISION="bf16")
    assert verified.returncode == 1
    assert "refused" in verified.stdout
    assert command(SAMPLES / "coffee.png", PRECISION="bf16").returncode == 1


@pytest.mark.timeout(200)
def test_int8_is_calibrated_exported_verified_and_run(command, tmp_path):
    file = tmp_path / "fallback-int8.onnx"
    made = command("export", file, SAMPLES, "--precision", "int8")
    assert made.returncode == 0, made.stderr
    configured = {"ENGINE": "onnx", "ONNX_MODEL": str(file), "PRECISION": "int8"}
    assert "is not admitted" in command(SAMPLES / "coffee.png", **configured).stderr
    verified = command(
        "verify", SAMPLES, "--least-top1", "0.6", "--least-top5", "0.6", "--most-difference", "0.6", **configured
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    runs = command(SAMPLES / "coffee.png", **configured)
    assert "espresso" in runs.stdout, runs.stderr


def test_another_network_is_not_compared(command, tmp_path):
    file = tmp_path / "random.onnx"
    assert command("export", file, MODEL="resnet18", MODEL_WEIGHTS="random").returncode == 0
    compared = command("verify", SAMPLES, ENGINE="onnx", ONNX_MODEL=str(file))
    assert compared.returncode == 1
    assert "compare a network with itself" in compared.stderr


def test_int8_needs_photographs(command, tmp_path):
    refused = command("export", tmp_path / "a.onnx", "--precision", "int8")
    assert refused.returncode == 2
    assert "name photographs" in refused.stderr


def test_verifying_random_weights_prints_a_warning(command):
    ran = command("verify", SAMPLES, MODEL="resnet18", MODEL_WEIGHTS="random")
    assert "Random weights say nothing" in ran.stderr


def test_bare_pictures_get_the_legacy_systems_labels(command, tmp_path):
    """ResNet-18 on the bare tensor of 64 x 64, as in the legacy system."""
    torch.manual_seed(0)
    network = get_model("resnet18").eval()
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    image = pictures.noise((64, 64))
    image.save(tmp_path / "picture.png")
    with torch.inference_mode():
        best = network(to_tensor(image)[None]).softmax(1)[0].topk(5)
    ran = command(
        "--json",
        tmp_path / "picture.png",
        MODEL="resnet18",
        MODEL_WEIGHTS=str(tmp_path / "weights.pth"),
        PREPROCESSING="bare",
    )
    found = json.loads(ran.stdout)["top5"]
    assert [prediction["index"] for prediction in found] == best.indices.tolist()
    assert [prediction["confidence"] for prediction in found] == pytest.approx(best.values.tolist(), abs=1e-5)


def test_the_fallback_refuses_bare_pictures(command):
    refused = command(SAMPLES / "coffee.png", PREPROCESSING="bare")
    assert refused.returncode == 1
    assert "PREPROCESSING=bare needs ENGINE=torch and a ResNet" in refused.stderr


@pytest.mark.parametrize(
    ("variables", "arguments", "sentence"),
    [
        ({}, ("export", "a.onnx"), "onnx is not installed: install requirements/export.txt."),
        (
            {"ENGINE": "onnx", "ONNX_MODEL": "a.onnx"},
            (SAMPLES / "coffee.png",),
            "onnxruntime is not installed: install requirements/worker-onnx.txt.",
        ),
        (
            {},
            (SAMPLES / "coffee.png",),
            "torch is not installed: install requirements/torch.txt and requirements/worker.txt.",
        ),
    ],
)
def test_a_missing_library_is_named_with_its_requirements(command, tmp_path, variables, arguments, sentence):
    missing = sentence.partition(" ")[0]
    blocking = "import sys\nsys.meta_path.insert(0, type('Missing', (), {'find_spec': staticmethod(find)}))"
    (tmp_path / "sitecustomize.py").write_text(
        "def find(name, *_):\n"
        f"    if name.partition('.')[0] == {missing!r}:\n"
        "        raise ModuleNotFoundError(name, name=name)\n" + blocking
    )
    refused = command(*arguments, PYTHONPATH=str(tmp_path), **variables)
    assert refused.returncode == 1
    assert refused.stderr.strip() == sentence
