"""How fast one instance works, by what the benchmarks measured."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from project import env
from project.contract import VISIBILITY_TIMEOUT

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"


class BenchmarkError(ValueError):
    """The benchmarks' results lack the row that is asked for."""


@dataclass(frozen=True, kw_only=True)
class Worker:
    """One instance.

    rate: pictures a second, in full batches. lone_seconds: from receive to result, of a picture that is alone. held:
    messages that it takes from the queue at most. boot_seconds: from launch to in service, which a launch hook puts
    off until the worker polls. drain_seconds: how long it finishes what it holds before it gives the rest back.
    """

    rate: float
    lone_seconds: float
    held: int
    boot_seconds: float = 90
    drain_seconds: float = 60
    visibility_seconds: float = VISIBILITY_TIMEOUT

    def __post_init__(self) -> None:
        for name in ("rate", "lone_seconds", "held", "boot_seconds"):
            if getattr(self, name) <= 0:
                raise ValueError(f"A worker's {name} must be more than 0, not {getattr(self, name)}.")


def measured(model: str, engine: str, precision: str, folder: Path = RESULTS) -> Worker:
    """Return a worker with as many cores to itself as the machine of the benchmarks has.

    The CPU time of its pictures is that of `engine.json`, and what messages cost besides is the difference between
    `system.json` and that. The throughput of `system.json` itself would be too low: there the site, the consumer and
    the emulator share the cores with the worker. Raises BenchmarkError where a row is missing.
    """
    engines, system = (_document(folder / f"{name}.json") for name in ("engine", "system"))
    cores = engines["machine"]["cores"]
    batches = sorted({row["batch_size"] for row in engines["rows"]})

    def pipeline_ms(batch: int, engine: str = engine, precision: str = precision) -> float:
        row = _row(engines, model=model, engine=engine, precision=precision, batch_size=batch)
        return float(row["pipeline_cpu_ms"])

    def messages_ms(load: str, batch: int) -> float:
        row = _row(system, model=model, load=load)
        return float(row["worker_cpu_ms"]) - pipeline_ms(batch, row["engine"], row["precision"])

    return Worker(
        rate=cores * 1000 / (pipeline_ms(batches[-1]) + messages_ms("burst", batches[-1])),
        lone_seconds=(pipeline_ms(batches[0]) + messages_ms("1 at a time", batches[0])) / 1000,
        held=env.read(env.Worker, {"MODEL_THREADS": str(cores)}).held_messages,
    )


def _document(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def _row(document: Mapping[str, Any], **wanted: object) -> Mapping[str, Any]:
    for row in document["rows"]:
        if all(row.get(name) == value for name, value in wanted.items()):
            found: Mapping[str, Any] = row
            return found
    asked = ", ".join(f"{name} {value}" for name, value in wanted.items())
    raise BenchmarkError(f"The benchmark {document['name']} has no row with {asked}.")
