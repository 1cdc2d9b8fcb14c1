"""Keeps PyTorch's compiler out of a worker, which never compiles: importing it takes more than a second."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

IMPORTED_BY_TORCHVISION = "torch._dynamo.utils"


@contextmanager
def left_out() -> Iterator[None]:
    """Import torchvision in this context: its operators for object detection then do without the compiler."""
    if IMPORTED_BY_TORCHVISION in sys.modules:
        yield
        return
    stand_in: Any = ModuleType(IMPORTED_BY_TORCHVISION)
    stand_in.is_compile_supported = lambda _: False
    sys.modules[IMPORTED_BY_TORCHVISION] = stand_in
    try:
        yield
    finally:
        del sys.modules[IMPORTED_BY_TORCHVISION]


class Uninitialised(TorchFunctionMode):
    """Leaves out `normal_`, which on the meta device would import the compiler."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return args[0] if func is torch.Tensor.normal_ else func(*args, **(kwargs or {}))
