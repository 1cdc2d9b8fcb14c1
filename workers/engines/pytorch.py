"""The PyTorch engine: fp32 or bf16 on CPUs, also fp16 on a GPU. Batch norms are folded into convolutions."""

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
EXAMPLES = 2  # With a batch of more than one, tracing doesn't make the batch size a constant.


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
            # The warning recommends torch.compile, which needs a compiler on the worker.
            warnings.filterwarnings("ignore", message="`torch.jit", category=FutureWarning)
            # Freezing folds the batch norms into the convolutions.
            self._network = torch.jit.freeze(torch.jit.trace(network, example, check_trace=False))  # type: ignore[no-untyped-call]
            # oneDNN's layouts make ResNet-50 a quarter faster, but depthwise convolutions a fifth slower.
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
        torch.set_num_threads(self._intra_op_threads)  # OpenMP keeps this setting per thread.
        with torch.inference_mode():
            outputs: torch.Tensor = self._network(self._input(batch)).float().cpu()
        return outputs.numpy()

    def _input(self, batch: npt.NDArray[np.float32]) -> torch.Tensor:
        tensor = torch.from_numpy(batch)
        if self._device.type == "cuda":
            # A copy from pinned memory overlaps with the GPU's computation. Not tested on a GPU.
            tensor = tensor.pin_memory().to(self._device, non_blocking=True)
        return tensor.to(self._type, memory_format=torch.channels_last)
