"""The networks that the benchmarks make: for other engines and precisions, and for the peers' examples."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks import variants
from benchmarks.forward import Forward
from benchmarks.peers import weights
from benchmarks.variants import Variant
from infra.local.samples import SAMPLES
from tests.conftest import ROOT

TOP5_BY_TORCHVISION = """
import json, sys
from PIL import Image
from benchmarks.peers.torchvision_model import TorchvisionModel
model = TorchvisionModel()
batch = [model.input(Image.open(file)) for file in sys.argv[1:]]
print(json.dumps([model.classify(picture[None])[0]["top5"] for picture in batch]))
"""


@pytest.fixture
def variables(tmp_path):
    weights.main("resnet18", tmp_path / "weights.pth")
    return {"MODEL": "resnet18", "MODEL_WEIGHTS": str(tmp_path / "weights.pth")}


def by_python(arguments, variables):
    command = [sys.executable, *arguments]
    ran = subprocess.run(command, env=os.environ | variables, cwd=ROOT, capture_output=True, text=True, check=True)
    return ran.stdout


@pytest.mark.parametrize("variant", [Variant.TORCH_BF16, Variant.ONNX_FP32, Variant.ONNX_INT8])
def test_untrained_weights_run_in_each_variant(tmp_path, variables, variant):
    chosen = variants.settings(variant, variables, tmp_path)
    forward = Forward(**json.loads(by_python(["-m", "benchmarks.forward"], chosen)))
    assert (forward.engine, forward.precision) == (variant.engine, variant.precision)


def test_the_examples_network_answers_as_the_worker_does(variables):
    pictures = [str(file) for file in sorted(SAMPLES.glob("*.jpg"))]
    top5s = json.loads(by_python(["-c", TOP5_BY_TORCHVISION, *pictures], variables))
    documents = [json.loads(line) for line in by_python(["-m", "workers", "--json", *pictures], variables).splitlines()]
    assert len(top5s) == len(documents) > 0
    for theirs, document in zip(top5s, documents, strict=True):
        assert [one["label"] for one in theirs] == [one["label"] for one in document["top5"]]
