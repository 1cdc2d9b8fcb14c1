"""The engines and precisions that benchmarks compare, and what a worker needs for them: an export, an admission."""

import os
import subprocess
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from infra.local.photographs import photographs

CALIBRATED_ON = 16  # photographs

# Untrained weights are admitted too: these benchmarks measure time and cost.
ADMIT_ALL = ("--least-top1=0", "--least-top5=0", "--most-difference=1")


class Variant(StrEnum):
    """An engine and its precision. `make demo` has the first, the images of workers the third."""

    TORCH_FP32 = "torch-fp32"
    TORCH_BF16 = "torch-bf16"
    ONNX_FP32 = "onnx-fp32"
    ONNX_INT8 = "onnx-int8"

    @property
    def engine(self) -> str:
        return self.partition("-")[0]

    @property
    def precision(self) -> str:
        return self.partition("-")[2]


def run_by_this_cpu() -> list[Variant]:
    """Return all variants, bf16 only if the CPU has instructions for it."""
    information = Path("/proc/cpuinfo")
    flags = information.read_text().split() if information.exists() else []
    has_bf16 = any(flag.endswith("bf16") for flag in flags)
    return [one for one in Variant if one.precision != "bf16" or has_bf16]


def settings(variant: Variant, variables: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return `variables` and those of a variant, whose files are written into `folder`."""
    chosen = {
        **variables,
        "ENGINE": variant.engine,
        "PRECISION": variant.precision,
        "VERIFIED_FILE": str(folder / "verified.json"),
    }
    if variant.engine == "onnx":
        chosen["ONNX_MODEL"] = str(export(variant.precision, variables, folder))
    if variant.precision != "fp32":
        run(["-m", "workers", "verify", *_calibration(), *ADMIT_ALL], chosen)
    return chosen


def export(precision: str, variables: Mapping[str, str], folder: Path) -> Path:
    """Export a model for ONNX Runtime; return the file."""
    path = folder / f"{variables['MODEL']}-{precision}.onnx"
    pictures = _calibration() if precision == "int8" else []
    run(["-m", "workers", "export", str(path), *pictures, "--precision", precision], variables)
    return path


def run(arguments: list[str], variables: Mapping[str, str]) -> str:
    """Run Python with these arguments and environment variables; return what it prints. Raises SystemExit."""
    environ = {**os.environ, **variables}
    done = subprocess.run([sys.executable, *arguments], env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def _calibration() -> list[str]:
    return [str(photograph) for photograph in photographs()[:CALIBRATED_ON]]
