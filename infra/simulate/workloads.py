"""When pictures arrive: built-in shapes, or a file of times.

A shape is drawn in instances' worth of work, so that it asks the same of a fleet whatever its workers' speed: 1 is what
one instance does in full batches. Only the bursts of 100 and 400 are in pictures.
"""

import csv
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random

HOUR = 3600.0
COLUMNS = ("arrived_at", "created_at")
"""What the times of arrival may be called in a file."""

SLICE_SECONDS = 10.0


class TraceError(ValueError):
    """A file of arrivals can't be read."""


@dataclass(frozen=True)
class Trace:
    """arrivals: seconds from the start, ascending. seconds: how long the simulation lasts at least."""

    name: str
    arrivals: list[float]
    seconds: float


def _poisson(load: Callable[[float], float], seconds: float, rate: float, random: Random) -> Iterator[float]:
    """Yield arrivals at random, on average load(t) * rate a second, which is looked at every SLICE_SECONDS."""
    start = 0.0
    while start < seconds:
        mean = max(0.0, load(start)) * rate
        at = start + random.expovariate(mean) if mean > 0 else math.inf
        while at < min(start + SLICE_SECONDS, seconds):
            yield at
            at += random.expovariate(mean)
        start += SLICE_SECONDS


def _burst(at: float, pictures: int, seconds: float, random: Random) -> list[float]:
    return [at + random.random() * seconds for _ in range(pictures)]


def _steady(rate: float, random: Random) -> Trace:
    load = random.uniform(2, 4)
    return Trace("steady", list(_poisson(lambda _: load, 3 * HOUR, rate, random)), 3 * HOUR)


def _day(rate: float, random: Random) -> Trace:
    """A day's wave: almost nothing at night, a peak of some instances in the afternoon."""
    peak = random.uniform(2, 4)

    def load(t: float) -> float:
        daylight = min(1.0, max(0.0, (t / HOUR - 6) / 16))
        return 0.05 + peak * math.sin(math.pi * daylight) ** 2

    return Trace("day", list(_poisson(load, 24 * HOUR, rate, random)), 24 * HOUR)


def _burst_of(pictures: int) -> Callable[[float, Random], Trace]:
    def shape(rate: float, random: Random) -> Trace:
        return Trace(f"burst-{pictures}", sorted(_burst(600 + 60 * random.random(), pictures, 2, random)), HOUR)

    return shape


def _bursts(rate: float, random: Random) -> Trace:
    """Every quarter of an hour or so, an upload that keeps one instance busy for one to fifteen minutes."""
    arrivals: list[float] = []
    at = 300.0
    while at < 3 * HOUR - 900:
        arrivals += _burst(at, int(rate * 60 * random.choice([1, 2, 5, 10, 15])), 20, random)
        at += random.uniform(600, 1200)
    return Trace("bursts", sorted(arrivals), 3 * HOUR)


def _ramp(rate: float, random: Random) -> Trace:
    """A load that rises to several instances within 0.5 to 1.5 h, stays there for half an hour, and drops at once."""
    top, rise = random.uniform(4, 8), random.uniform(0.5, 1.5) * HOUR

    def load(t: float) -> float:
        return 0.2 + top * min(1.0, max(0.0, t - 600) / rise) if t < 600 + rise + 0.5 * HOUR else 0.2

    return Trace("ramp", list(_poisson(load, 3 * HOUR, rate, random)), 3 * HOUR)


def _spikes(rate: float, random: Random) -> Trace:
    """A load that wanders between almost nothing and six instances, and jumps now and then."""
    loads, load = [], 1.0
    for _ in range(int(3 * HOUR / 60)):
        load = min(6.0, max(0.1, load + random.gauss(0, 0.15)))
        if random.random() < 1 / 60:
            load = random.uniform(2, 6)
        loads.append(load)
    walk = list(_poisson(lambda t: loads[int(t / 60)], 3 * HOUR, rate, random))
    return Trace("spikes", walk, 3 * HOUR)


SHAPES: Mapping[str, Callable[[float, Random], Trace]] = {
    "steady": _steady,
    "day": _day,
    "burst-100": _burst_of(100),
    "burst-400": _burst_of(400),
    "bursts": _bursts,
    "ramp": _ramp,
    "spikes": _spikes,
}


def shaped(name: str, rate: float, seed: int) -> Trace:
    """Return a built-in shape for workers of `rate` pictures a second; the same for the same seed."""
    return SHAPES[name](rate, Random(f"{name} {seed}"))  # noqa: S311 -- no secret


@dataclass(frozen=True)
class Workload:
    """A built-in shape with its seed, or a file of arrivals."""

    shape: str | None = None
    seed: int = 0
    file: Path | None = None

    @property
    def name(self) -> str:
        return self.shape or (self.file.stem if self.file else "")

    def trace(self, rate: float) -> Trace:
        if self.file is not None:
            return from_file(self.file)
        return shaped(self.name, rate, self.seed)


def from_file(path: Path) -> Trace:
    """Read times of arrival: from a CSV the column named arrived_at or created_at, else the first; or from a JSON list.

    A time is a number of seconds or in ISO 8601. The JSON may be a page of the API's list of classifications.
    """
    try:
        text = path.read_text()
        times = sorted(_seconds(one) for one in (_from_json(text) if path.suffix == ".json" else _from_csv(text)))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, csv.Error, OverflowError) as error:
        raise TraceError(f"{path} has no times of arrival: {error}") from error
    if not times:
        raise TraceError(f"{path} has no times of arrival.")
    arrivals = [one - times[0] for one in times]
    return Trace(path.stem, arrivals, arrivals[-1] + 0.5 * HOUR)


def _from_csv(text: str) -> list[str]:
    rows = [row for row in csv.reader(text.splitlines()) if row]
    named = [rows[0].index(name) for name in COLUMNS if rows and name in rows[0]]
    return [row[named[0]] for row in rows[1:]] if named else [row[0] for row in rows]


def _from_json(text: str) -> list[str | float]:
    document = json.loads(text)
    items = document["results"] if isinstance(document, dict) else document
    return [next(item[name] for name in COLUMNS if name in item) if isinstance(item, dict) else item for item in items]


def _seconds(time: str | float) -> float:
    try:
        seconds = float(time)
    except ValueError:
        seconds = datetime.fromisoformat(str(time)).timestamp()
    if not math.isfinite(seconds):
        raise ValueError(f"{time} is no time")
    return seconds
