"""The ONNX Runtime engine, for networks written by `python -m workers export`. It needs no PyTorch."""

from hashlib import sha256

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as faults

from project import env
from project.aws.clients import ERRORS
from workers import sources
from workers.engines import ONNX
from workers.model import Model

INPUT, OUTPUT = "pictures", "logits"
MODEL_METADATA, PRECISION_METADATA = "recognition.model", "recognition.precision"

# ONNX Runtime's errors have no common base class.
FAULTS = tuple(kind for kind in vars(faults).values() if isinstance(kind, type) and issubclass(kind, Exception))
UNLOADABLE: tuple[type[Exception], ...] = (OSError, ValueError, TypeError, KeyError, *FAULTS, *ERRORS)
"""What reading and ONNX Runtime raise if the source is not an exported network."""


class OnnxEngine:
    name = ONNX

    def __init__(self, content: bytes, intra_op_threads: int = 1) -> None:
        """Load an exported network from a file's content. Raises one of UNLOADABLE."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = intra_op_threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.model = Model.from_json(metadata[MODEL_METADATA])
        self.precision: str = metadata[PRECISION_METADATA]
        self.digest = sha256(content).hexdigest()

    @classmethod
    def load(cls, config: env.Worker) -> "OnnxEngine":
        source = config.onnx_model
        if not source:
            raise env.ConfigurationError(
                "ONNX_MODEL is not set: ENGINE=onnx needs a network written by `python -m workers export`."
            )
        try:
            engine = cls(sources.read(source), config.intra_op_threads)
        except UNLOADABLE as error:
            raise env.ConfigurationError(
                f"ONNX_MODEL={source} can't be loaded; it must be a file written by `python -m workers export`: {error}"
            ) from error
        if engine.precision != config.precision:
            raise env.ConfigurationError(
                f"ONNX_MODEL={source} is {engine.precision}, but PRECISION={config.precision}."
            )
        return engine

    def logits(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        outputs: npt.NDArray[np.float32] = self._session.run([OUTPUT], {INPUT: batch})[0]
        return outputs
