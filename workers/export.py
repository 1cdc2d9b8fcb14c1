"""Export PyTorch's network to ONNX, in fp32 or calibrated int8, with the model's description in the file."""

import logging
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from workers.engines.onnx_runtime import INPUT, MODEL_METADATA, OUTPUT, PRECISION_METADATA
from workers.networks import Trained

EXAMPLES = 2


def export(trained: Trained, path: Path) -> None:
    """Write a network as ONNX in fp32, for any batch size."""
    side = trained.model.preprocessing.crop
    with _quiet():
        torch.onnx.export(
            trained.network,
            (torch.zeros(EXAMPLES, 3, side, side),),
            path,
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            input_names=[INPUT],
            output_names=[OUTPUT],
            external_data=False,
            verbose=False,
        )
    _describe(path, {MODEL_METADATA: trained.model.to_json(), PRECISION_METADATA: "fp32"})


def quantize(path: Path, quantized: Path, inputs: Iterable[npt.NDArray[np.float32]]) -> None:
    """Quantise an exported network to int8. Its ranges are calibrated on inputs: float32, each (3, crop, crop)."""
    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    with tempfile.TemporaryDirectory() as folder, _quiet():
        prepared = Path(folder, "prepared.onnx")
        quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(quantized),
            Calibration(inputs),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
        )
    _describe(quantized, {**metadata, PRECISION_METADATA: "int8"})


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the libraries' warnings about each node."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


class Calibration(CalibrationDataReader):
    """Yields the calibration inputs to ONNX Runtime, one at a time."""

    def __init__(self, inputs: Iterable[npt.NDArray[np.float32]]) -> None:
        self._inputs: Iterator[npt.NDArray[np.float32]] = iter(inputs)

    def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
        following = next(self._inputs, None)
        return None if following is None else {INPUT: following[None]}


def _describe(path: Path, metadata: dict[str, str]) -> None:
    network = onnx.load(path)
    del network.metadata_props[:]
    for key, value in metadata.items():
        network.metadata_props.add(key=key, value=value)
    onnx.save(network, path)
