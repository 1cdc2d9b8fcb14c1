"""Engines that run a network: PyTorch, or ONNX Runtime for exported networks. ENGINE and PRECISION choose one."""

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
"""The requirements files of each engine."""


class Engine(Protocol):
    """A network that is ready to run. Thread-safe; each model thread runs its own forward pass."""

    name: str
    precision: str
    model: Model
    digest: str
    """SHA-256 of the exported network's file; empty for PyTorch."""

    def logits(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the network's outputs, float32 (N, labels), for inputs of float32 (N, 3, height, width)."""


def load(config: env.Worker) -> Engine:
    """Load the configured engine. Raises ConfigurationError if that fails.

    Each engine's libraries are imported only if it is chosen: a worker with ONNX Runtime has no PyTorch.
    """
    with needing(REQUIREMENTS[config.engine]):
        if config.engine == ONNX:
            from workers.engines.onnx_runtime import OnnxEngine

            return OnnxEngine.load(config)
        from workers.engines.pytorch import TorchEngine

        return TorchEngine.load(config)


@contextmanager
def needing(requirements: str) -> Iterator[None]:
    """Raise ConfigurationError if an import in this context fails because `requirements` are not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise env.ConfigurationError(f"{error.name} is not installed: install {requirements}.") from error
