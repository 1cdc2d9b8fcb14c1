"""Networks: weights from a file, S3, the cache or a download; instructions if there are none; the fallback."""

import io
import socket
import threading
import time
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import ResNet18_Weights, Weights, WeightsEnum, get_model

from infra.local.ports import free_ports
from project import env
from project.aws.clients import s3
from project.env import ConfigurationError, Worker
from workers import networks


def saved(value):
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


@pytest.fixture(scope="module")
def network():
    """torchvision's ResNet-18 with random weights, as good as any to compare outputs."""
    torch.manual_seed(0)
    return get_model("resnet18").eval()


@pytest.fixture(scope="module")
def content(network):
    """The file that keeps its weights."""
    return saved(network.state_dict())


@pytest.fixture
def checkpoints(tmp_path, monkeypatch):
    """torch hub's cache, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def site(tmp_path):
    """A web server, and the folder that it serves."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    folder = tmp_path / "site"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def black_hole(monkeypatch):
    """The address of a server that accepts and never answers; patience with it is short."""
    monkeypatch.setattr(networks, "DOWNLOAD_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def worker(**values):
    return env.read(Worker, {"MODEL": "resnet18", **values})


def weights_at(url):
    """Return torchvision's weights of ResNet-18, as if they were kept at another address."""
    ours = ResNet18_Weights.IMAGENET1K_V1
    elsewhere = Weights(url=url, transforms=ours.transforms, meta=ours.meta)
    return WeightsEnum("Elsewhere", {ours.name: elsewhere})[ours.name]


def file_name(content):
    """Return the name that torch hub checks a download against."""
    return f"resnet18-{sha256(content).hexdigest()[:8]}.pth"


def outputs_equal(trained, network):
    pictures = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return torch.allclose(trained.network(pictures), network(pictures), atol=1e-4)


def test_weights_are_loaded_from_a_file(network, content, tmp_path):
    path = tmp_path / "mine.pth"
    path.write_bytes(content)
    trained = networks.load(worker(MODEL_WEIGHTS=str(path)))
    assert outputs_equal(trained, network)
    assert (trained.model.name, trained.model.fallback) == ("resnet18", False)
    assert trained.model.weights == f"mine.pth sha256:{sha256(content).hexdigest()[:12]}"


def test_weights_are_loaded_from_s3(aws, network, content):
    s3().put_object(Bucket=env.aws().output_bucket, Key="models/mine.pth", Body=content)
    trained = networks.load(worker(MODEL_WEIGHTS=f"s3://{env.aws().output_bucket}/models/mine.pth"))
    assert outputs_equal(trained, network)
    assert trained.model.weights.startswith("mine.pth sha256:")


def test_weights_are_loaded_from_torch_hubs_cache(network, content, checkpoints):
    (checkpoints / ResNet18_Weights.DEFAULT.url.rpartition("/")[2]).write_bytes(content)
    trained = networks.load(worker())
    assert outputs_equal(trained, network)
    assert (trained.model.weights, trained.model.fallback) == ("IMAGENET1K_V1", False)


def test_weights_are_downloaded(network, content, checkpoints, site):
    folder, address = site
    name = file_name(content)
    (folder / name).write_bytes(content)
    trained = networks.pretrained("resnet18", weights_at(f"{address}/{name}"))
    assert outputs_equal(trained, network)
    assert (checkpoints / name).read_bytes() == content


def test_a_download_with_a_wrong_hash_is_refused(content, checkpoints, site):
    folder, address = site
    name = file_name(content)
    (folder / name).write_bytes(content + b"tampered")
    with pytest.raises(networks.WeightsUnavailable, match="hash"):
        networks.pretrained("resnet18", weights_at(f"{address}/{name}"))
    assert list(checkpoints.iterdir()) == []


@pytest.mark.parametrize("damaged", [b"", b"garbage", b"PK\x03\x04 cut off", saved({"fc.weight": torch.zeros(3)})])
def test_a_damaged_file_in_the_cache_is_named(checkpoints, damaged):
    cached = checkpoints / ResNet18_Weights.DEFAULT.url.rpartition("/")[2]
    cached.write_bytes(damaged)
    with pytest.raises(ConfigurationError, match=f"^There are no weights for resnet18: {cached}: "):
        networks.load(worker())


def test_a_download_from_a_silent_server_fails(checkpoints, black_hole):
    started = time.monotonic()
    with pytest.raises(networks.WeightsUnavailable, match="resnet18-00000000"):
        networks.pretrained("resnet18", weights_at(f"{black_hole}/resnet18-00000000.pth"))
    assert time.monotonic() - started < 5


def test_the_download_time_out_is_the_documented_one():
    assert networks.DOWNLOAD_SECONDS == 10


def test_an_interrupted_download_fails(checkpoints, monkeypatch):
    monkeypatch.setattr(networks, "DOWNLOAD_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def begin():
            kept = []
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 1000000\r\n\r\nthe beginning")
                kept.append(connection)

        threading.Thread(target=begin, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/resnet18-00000000.pth"
        with pytest.raises(networks.WeightsUnavailable):
            networks.pretrained("resnet18", weights_at(url))


def test_a_download_from_a_server_without_http_fails(checkpoints):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-server\r\n")

        threading.Thread(target=answer, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/resnet18-00000000.pth"
        started = time.monotonic()
        with pytest.raises(networks.WeightsUnavailable, match="SSH"):
            networks.pretrained("resnet18", weights_at(url))
        assert time.monotonic() - started < networks.DOWNLOAD_SECONDS / 2


def test_a_refused_connection_fails(checkpoints):
    with pytest.raises(networks.WeightsUnavailable, match="refused"):
        networks.pretrained("resnet18", weights_at(f"http://127.0.0.1:{free_ports(1)[0]}/resnet18-00000000.pth"))


def test_a_missing_file_on_the_server_is_named(checkpoints, site):
    with pytest.raises(networks.WeightsUnavailable, match="404"):
        networks.pretrained("resnet18", weights_at(f"{site[1]}/resnet18-00000000.pth"))


@pytest.fixture
def unreachable(checkpoints, monkeypatch):
    """A network on which no server of weights is found: the proxy refuses."""
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{free_ports(1)[0]}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)


def test_without_weights_and_fallback_startup_fails_with_instructions(unreachable):
    with pytest.raises(ConfigurationError) as refusal:
        networks.load(worker())
    sentence = str(refusal.value)
    assert sentence.startswith("There are no weights for resnet18: ")
    for way in (ResNet18_Weights.DEFAULT.url, "MODEL_WEIGHTS", "s3://", "MODEL_FALLBACK=1"):
        assert way in sentence


def test_the_fallback_is_used_with_a_warning(unreachable):
    trained = networks.load(worker(MODEL_FALLBACK="1"))
    assert (trained.model.name, trained.model.fallback) == ("efficientnet_lite0", True)
    assert trained.model.weights == "imagenet sha256:579344248a93"


def test_available_weights_are_preferred_to_the_fallback(content, checkpoints):
    (checkpoints / ResNet18_Weights.DEFAULT.url.rpartition("/")[2]).write_bytes(content)
    assert not networks.load(worker(MODEL_FALLBACK="1")).model.fallback


def test_configured_weights_are_preferred_to_the_cache(network, content, checkpoints, tmp_path):
    (checkpoints / ResNet18_Weights.DEFAULT.url.rpartition("/")[2]).write_bytes(b"never read")
    path = tmp_path / "mine.pth"
    path.write_bytes(content)
    assert outputs_equal(networks.load(worker(MODEL_WEIGHTS=str(path))), network)


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"not weights at all",
        saved({"fc.weight": torch.zeros(3)}),
        saved([1, 2, 3]),
        saved(torch.zeros(3)),
        saved(Image.new("L", (1, 1))),
    ],
    ids=["empty", "garbage", "another network's", "a list", "a tensor", "an object"],
)
@pytest.mark.parametrize("fallback", ["0", "1"])
def test_a_file_without_the_models_weights_ends_the_startup(tmp_path, wrong, fallback):
    path = tmp_path / "wrong.pth"
    path.write_bytes(wrong)
    with pytest.raises(ConfigurationError, match=rf"^MODEL_WEIGHTS={path} can't be loaded into resnet18: .+$"):
        networks.load(worker(MODEL_WEIGHTS=str(path), MODEL_FALLBACK=fallback))


def test_a_missing_file_of_weights_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"^MODEL_WEIGHTS=.*nowhere\.pth can't be loaded.*No such file"):
        networks.load(worker(MODEL_WEIGHTS=str(tmp_path / "nowhere.pth")))


@pytest.mark.parametrize(
    "url", ["s3://recognition-output/nowhere.pth", "s3://no-such-bucket/a", "s3://", "s3://bucket"]
)
def test_a_missing_object_of_weights_is_named(aws, url):
    with pytest.raises(ConfigurationError, match=f"^MODEL_WEIGHTS={url} can't be loaded"):
        networks.load(worker(MODEL_WEIGHTS=url))


def test_random_weights_must_be_configured_and_are_named(unreachable):
    trained = networks.load(worker(MODEL_WEIGHTS="random"))
    assert (trained.model.name, trained.model.weights, trained.model.fallback) == ("resnet18", "random", False)


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50"])  # 101 and 152 take seconds and differ in depth
def test_every_configurable_model_has_a_thousand_outputs(name):
    trained = networks.load(worker(MODEL=name, MODEL_WEIGHTS="random"))
    with torch.inference_mode():
        assert trained.network(torch.zeros(1, 3, 224, 224)).shape == (1, 1000)
    assert not trained.network.training


def test_the_labels_are_torchvisions():
    assert len(networks.LABELS) == 1000
    assert (networks.LABELS[0], networks.LABELS[281], networks.LABELS[435]) == ("tench", "tabby", "bathtub")


@pytest.mark.parametrize(("name", "resize"), [("resnet18", 256), ("resnet50", 232)])
def test_preprocessing_is_that_of_the_weights(name, resize):
    preprocessing = networks.load(worker(MODEL=name, MODEL_WEIGHTS="random")).model.preprocessing
    assert (preprocessing.resize, preprocessing.crop) == (resize, 224)
    assert preprocessing.resample is Image.Resampling.BILINEAR
    assert preprocessing.mean == (0.485, 0.456, 0.406)


def test_the_fallbacks_preprocessing_is_its_own():
    preprocessing = networks.fallback().model.preprocessing
    assert (preprocessing.resize, preprocessing.crop) == (256, 224)
    factor, shift = preprocessing.normalisation()
    assert (np.array([0, 127, 255]) * factor[0, 0] + shift[0, 0]).tolist() == pytest.approx(
        [-127 / 128, 0, 1], abs=1e-6
    )
