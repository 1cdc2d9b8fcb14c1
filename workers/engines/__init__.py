"""Engines run a network: PyTorch, or ONNX Runtime from a network that was exported; ENGINE and PRECISION choose."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import numpy.typing as npt

from project import env
from workers.model import Model

TORCH = "torch"
ONNX = "onnx"

REQUIREMENTS = {TORCH: "requirements/torch.txt and requirements/worker.txt", ONNX: "requirements/worker-onnx.txt"}
"""What has to be installed for each engine."""


class Engine(Protocol):
    """A network ready to run. Safe to use from many threads, each of which is one of the model threads."""

    name: str
    precision: str
    model: Model
    digest: str
    """The SHA-256 of the file that was loaded, where it alone is what runs; else empty."""

    def logits(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the network's outputs, (N, labels), for inputs of (N, 3, height, width)."""


def load(config: env.Worker) -> Engine:
    """Load what is configured. Ends the program with a sentence where that can't be.

    Each engine's libraries are imported only where it is chosen: a worker with ONNX Runtime has no PyTorch.
    """
    with needing(REQUIREMENTS[config.engine]):
        if config.engine == ONNX:
            from workers.engines.onnx_runtime import OnnxEngine

            return OnnxEngine.load(config)
        from workers.engines.pytorch import TorchEngine

        return TorchEngine.load(config)


@contextmanager
def needing(requirements: str) -> Iterator[None]:
    """End the program with a sentence where a library is missing that stands in these requirements."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise env.ConfigurationError(f"{error.name} is not installed: install {requirements}.") from error
