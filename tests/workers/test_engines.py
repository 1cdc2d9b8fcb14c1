"""Engines: PyTorch and ONNX Runtime agree; a network that can't be loaded ends the startup with an explanation."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from project import env
from project.env import ConfigurationError, Worker
from tests import pictures
from tests.conftest import ROOT
from workers import engines, export, networks
from workers.classifier import Classifier
from workers.engines.onnx_runtime import OnnxEngine
from workers.engines.pytorch import TorchEngine

SIDE = 224


def worker(**values):
    return env.read(Worker, values)


def batch(size):
    return np.random.default_rng(0).standard_normal((size, 3, SIDE, SIDE), np.float32)


@pytest.fixture(scope="module")
def trained():
    """The fallback, whose weights are real."""
    return networks.fallback()


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """The fallback as a file for ONNX Runtime."""
    path = tmp_path_factory.mktemp("exported") / "fallback.onnx"
    export.export(trained, path)
    return path


@pytest.fixture(scope="module")
def engine(trained):
    return TorchEngine(trained, "fp32")


@pytest.fixture(scope="module")
def onnx_engine(exported):
    return OnnxEngine.load(worker(ENGINE="onnx", ONNX_MODEL=str(exported)))


def expected(trained, inputs):
    with torch.inference_mode():
        return trained.network(torch.from_numpy(inputs)).numpy()


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_folding_does_not_change_the_fallbacks_outputs(trained, engine, size):
    inputs = batch(size)
    assert np.allclose(engine.logits(inputs), expected(trained, inputs), atol=1e-3)


def test_folding_does_not_change_a_resnets_outputs():
    resnet = networks.load(worker(MODEL="resnet18", MODEL_WEIGHTS="random"))
    inputs = batch(3)
    wanted = expected(resnet, inputs)
    assert np.allclose(TorchEngine(resnet, "fp32").logits(inputs), wanted, atol=1e-3)


@pytest.mark.parametrize("size", [1, 3])
def test_onnx_runtime_agrees_with_pytorch(engine, onnx_engine, size):
    inputs = batch(size)
    assert np.allclose(onnx_engine.logits(inputs), engine.logits(inputs), atol=1e-3)


@pytest.mark.parametrize("name", ["engine", "onnx_engine"])
def test_threads_share_an_engine(request, name):
    shared = request.getfixturevalue(name)
    inputs = batch(2)
    alone = shared.logits(inputs)
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(shared.logits, [inputs] * 8):
            assert np.allclose(found, alone, atol=1e-4)


def test_an_exported_network_describes_itself(trained, onnx_engine):
    assert onnx_engine.model == trained.model
    assert (onnx_engine.name, onnx_engine.precision) == ("onnx", "fp32")


def test_pictures_of_different_sizes_share_a_batch_but_no_forward_pass():
    resnet = networks.load(worker(MODEL="resnet18", MODEL_WEIGHTS="random"))
    classifier = Classifier(TorchEngine(resnet, "fp32"))
    large, small = batch(1)[0], batch(1)[0][:, :64, :64]
    found = classifier.probabilities([large, small, large])
    assert np.allclose(found[0], found[2])
    assert np.allclose(found[1], classifier.probabilities([small])[0], atol=1e-5)
    assert not np.allclose(found[0], found[1], atol=1e-5)


def test_a_worker_with_onnx_runtime_imports_no_pytorch(exported, tmp_path):
    blocked = "import sys\nfor name in ('torch', 'torchvision', 'timm'):\n    sys.modules[name] = None\n"
    (tmp_path / "sitecustomize.py").write_text(blocked)
    picture = tmp_path / "picture.png"
    picture.write_bytes(pictures.png())
    environ = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
        "ENGINE": "onnx",
        "ONNX_MODEL": str(exported),
    }
    command = "import workers.app, sys; from workers.__main__ import app; app(sys.argv[1:])"
    ran = subprocess.run(
        [sys.executable, "-c", command, str(picture)], env=environ, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "efficientnet_lite0" in ran.stdout
    assert "ignores MODEL" in ran.stdout + ran.stderr


LOAD = """
import gc
import json
import os
import sys
import tests.environment
os.environ.update(MODEL="resnet18", MODEL_WEIGHTS="random")
from workers.pipeline import pipeline
pipeline().warm_up()
compiler = "torch._dynamo" in sys.modules
print(json.dumps({"compiler": compiler, "gc": gc.isenabled(), "searched": len(gc.get_objects())}))
"""


@pytest.fixture(scope="module")
def loaded():
    """What a process says that has loaded a network and run it."""
    ran = subprocess.run([sys.executable, "-c", LOAD], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(ran.stdout.splitlines()[-1])


def test_a_worker_loads_and_runs_its_network_without_pytorchs_compiler(loaded):
    assert not loaded["compiler"]


def test_what_a_worker_has_loaded_is_not_searched_for_garbage(loaded):
    assert loaded["gc"]
    assert loaded["searched"] < 20_000  # of more than 200,000 objects


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"ENGINE": "onnx"}, "^ONNX_MODEL is not set"),
        ({"ENGINE": "onnx", "ONNX_MODEL": "nowhere.onnx"}, "^ONNX_MODEL=nowhere.onnx can't be loaded.*No such file"),
        (
            {"ENGINE": "torch", "PRECISION": "int8"},
            "^PRECISION=int8 can't be used with ENGINE=torch here; it takes",
        ),
        ({"ENGINE": "torch", "PRECISION": "fp16"}, "^PRECISION=fp16 can't be used with ENGINE=torch"),
    ],
)
def test_an_invalid_combination_ends_the_startup(values, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        engines.load(worker(**values))


@pytest.mark.parametrize("content", [b"", b"no network", "somebody else's"])
def test_a_file_that_is_not_an_exported_network_ends_the_startup(tmp_path, content):
    path = tmp_path / "foreign.onnx"
    path.write_bytes(foreign() if isinstance(content, str) else content)
    with pytest.raises(ConfigurationError, match=rf"^ONNX_MODEL={path} can't be loaded"):
        engines.load(worker(ENGINE="onnx", ONNX_MODEL=str(path)))


def foreign():
    """A network that describes nothing of itself."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Identity", ["a"], ["b"])],
        "identity",
        [value("a", TensorProto.FLOAT, [1])],
        [value("b", TensorProto.FLOAT, [1])],
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(network)
    return network.SerializeToString()


def test_a_wrong_precision_ends_the_startup(exported):
    with pytest.raises(ConfigurationError, match=r"is fp32, but PRECISION=int8\.$"):
        engines.load(worker(ENGINE="onnx", ONNX_MODEL=str(exported), PRECISION="int8"))


@pytest.mark.parametrize(("cores", "intra_op", "threads"), [(4, "1", 4), (4, "2", 2), (1, "4", 1)])
def test_model_threads_give_each_core_one_thread(monkeypatch, cores, intra_op, threads):
    monkeypatch.setattr(env, "_cores", lambda: cores)
    assert worker(INTRA_OP_THREADS=intra_op).threads == threads
    assert worker(INTRA_OP_THREADS=intra_op, MODEL_THREADS="3").threads == 3
