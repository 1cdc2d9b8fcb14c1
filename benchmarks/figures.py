"""Statistics of the benchmarks: percentiles, and medians with their spread."""

from collections.abc import Mapping, Sequence
from statistics import median

import numpy as np

PERCENTILES = (50, 95, 99)


def latencies(seconds: Sequence[float]) -> dict[str, float]:
    """Return p50_s, p95_s and p99_s."""
    found = np.percentile(seconds, PERCENTILES)
    return {f"p{percent}_s": round(float(value), 4) for percent, value in zip(PERCENTILES, found, strict=True)}


def spread(name: str, values: Sequence[float]) -> dict[str, float]:
    """Return the median as `name`, and the smallest and largest value as `name`_min and `name`_max."""
    return {
        name: round(median(values), 4),
        f"{name}_min": round(min(values), 4),
        f"{name}_max": round(max(values), 4),
    }


def spreads(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the spread of each figure, by its name, over mappings with the same names."""
    found: dict[str, float] = {}
    for name in figures[0]:
        found |= spread(name, [one[name] for one in figures])
    return found
