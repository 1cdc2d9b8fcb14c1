"""PyTorch: on processors by fp32 or bf16, on a GPU by fp16 too, with convolutions and batch norms folded."""

import warnings

import numpy as np
import numpy.typing as npt
import torch

from project import env
from workers import networks
from workers.engines import TORCH
from workers.model import Model
from workers.networks import Trained

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
EXAMPLES = 2  # Traced with more than one input, no size of a batch becomes a constant.


class TorchEngine:
    name = TORCH
    digest = ""

    def __init__(self, trained: Trained, precision: str, intra_op_threads: int = 1) -> None:
        self.model: Model = trained.model
        self.precision = precision
        self._type = TYPES[precision]
        self._intra_op_threads = intra_op_threads
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        side = self.model.preprocessing.crop
        example = self._input(np.zeros((EXAMPLES, 3, side, side), np.float32))
        network = trained.network.to(self._device, self._type).to(memory_format=torch.channels_last)
        with torch.inference_mode(), warnings.catch_warnings():
            # torch.compile, which it recommends instead, needs a compiler wherever it runs.
            warnings.filterwarnings("ignore", message="`torch.jit", category=FutureWarning)
            # Freezing folds the batch norms into the convolutions.
            self._network = torch.jit.freeze(torch.jit.trace(network, example, check_trace=False))  # type: ignore[no-untyped-call]
            # Layouts of oneDNN: a quarter faster for ResNet-50, a fifth slower for depthwise convolutions.
            if self._device.type == "cpu" and not self.model.fallback:
                self._network = torch.jit.optimize_for_inference(self._network)

    @classmethod
    def load(cls, config: env.Worker) -> "TorchEngine":
        allowed = ("fp32", "bf16", "fp16") if torch.cuda.is_available() else ("fp32", "bf16")
        if config.precision not in allowed:
            raise env.ConfigurationError(
                f"PRECISION={config.precision} can't be used with ENGINE=torch here; it takes {', '.join(allowed)}."
            )
        return cls(networks.load(config), config.precision, config.intra_op_threads)

    def logits(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        torch.set_num_threads(self._intra_op_threads)  # OpenMP counts for each thread apart.
        with torch.inference_mode():
            outputs: torch.Tensor = self._network(self._input(batch)).float().cpu()
        return outputs.numpy()

    def _input(self, batch: npt.NDArray[np.float32]) -> torch.Tensor:
        tensor = torch.from_numpy(batch)
        if self._device.type == "cuda":
            # From pinned memory the copy goes on beside what the GPU still works at. Untried: no GPU was at hand.
            tensor = tensor.pin_memory().to(self._device, non_blocking=True)
        return tensor.to(self._type, memory_format=torch.channels_last)
