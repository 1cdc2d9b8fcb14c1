"""Admission of precisions below fp32: they run only after `python -m workers verify` has compared them with fp32."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from project.env import ConfigurationError
from workers.classifier import TOP_K
from workers.engines import Engine

Probabilities = npt.NDArray[np.float64]
"""float64, (photographs, labels)."""


@dataclass(frozen=True)
class Comparison:
    """How an engine's probabilities differ from the reference's, on the same photographs.

    top1_agreement: share of photographs with the same most likely label, 0 to 1. top5_overlap: mean share of the five
    most likely labels that are the same, 0 to 1. largest_difference: the largest absolute difference of a probability.
    """

    photographs: int
    top1_agreement: float
    top5_overlap: float
    largest_difference: float


def compare(found: Probabilities, reference: Probabilities) -> Comparison:
    """Compare two arrays of probabilities, each (photographs, labels), in the same order."""
    top5s = zip(_top5(found), _top5(reference), strict=True)
    return Comparison(
        photographs=len(reference),
        top1_agreement=float((found.argmax(1) == reference.argmax(1)).mean()),
        top5_overlap=float(np.mean([len(np.intersect1d(ours, theirs)) / TOP_K for ours, theirs in top5s])),
        largest_difference=float(np.abs(found - reference).max()),
    )


def _top5(probabilities: Probabilities) -> npt.NDArray[np.intp]:
    return np.argpartition(probabilities, -TOP_K, axis=1)[:, -TOP_K:]


def identity(engine: Engine) -> dict[str, str]:
    """Return what identifies an engine in VERIFIED_FILE. Another export of the same network needs its own admission."""
    return {
        "engine": engine.name,
        "precision": engine.precision,
        "model": engine.model.name,
        "weights": engine.model.weights.rpartition(" ")[2],  # the file's digest, without its name
        "digest": engine.digest,
    }


def save(engine: Engine, comparison: Comparison, admitted: bool, file: Path) -> None:
    """Write to a file that an engine is admitted, or remove it from the file."""
    others = [entry for entry in _entries(file) if entry["identity"] != identity(engine)]
    ours = [{"identity": identity(engine), **asdict(comparison)}] if admitted else []
    file.write_text(json.dumps(others + ours, indent=1) + "\n")


def check(engine: Engine, file: Path) -> None:
    """Raise ConfigurationError if the engine's precision is below fp32 and not admitted."""
    if engine.precision != "fp32" and not any(entry["identity"] == identity(engine) for entry in _entries(file)):
        raise ConfigurationError(
            f"PRECISION={engine.precision} is not admitted for {engine.model.name} ({engine.model.weights}) by {file}, "
            "see VERIFIED_FILE: run `python -m workers verify PHOTOGRAPHS…` with this configuration."
        )


def _entries(file: Path) -> list[dict[str, Any]]:
    if not file.exists():
        return []
    try:
        entries: list[dict[str, Any]] = json.loads(file.read_text())
    except ValueError as error:
        raise ConfigurationError(f"VERIFIED_FILE={file} is not JSON: {error}") from error
    return entries
