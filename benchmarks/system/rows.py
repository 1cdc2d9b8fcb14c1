"""Summary of a model's measurements: a row for each load, and one for the worker by itself."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from statistics import median
from typing import Any

from benchmarks.figures import spread
from benchmarks.forward import Forward
from benchmarks.results import Row
from benchmarks.stack import PROCESSES
from benchmarks.system import cost
from benchmarks.system.measurement import Findings
from benchmarks.system.requests import Requests
from benchmarks.system.uploads import Run


def rows(found: Findings) -> Iterator[Row]:
    about = found.forwards[0].about
    for load, runs in found.runs.items():
        yield {
            **about,
            "load": load,
            **_speed(runs),
            **_cpu(found.forwards, runs),
            **_aws(found.requests[load], _own_cpu_ms(runs)),
        }
    yield {**about, **found.worker}


def single_runs(found: Findings) -> Iterator[Row]:
    for forward in found.forwards:
        yield {**forward.about, "forward_cpu_ms": forward.cpu_ms, "forward_s": forward.seconds}
    for load, runs in found.runs.items():
        for run in runs:
            yield {**found.forwards[0].about, "load": load, **_speed([run]), **_used([run])}


def _speed(runs: list[Run]) -> dict[str, float]:
    return {
        "images_per_s": round(median(run.images_per_s for run in runs), 2),
        **{name: round(median(run.latencies[name] for run in runs), 4) for name in runs[0].latencies},
    }


def _cpu(forwards: list[Forward], runs: list[Run]) -> dict[str, float]:
    """Return CPU times per picture, and the bare forward pass's share of them in each round."""
    around = [(before.cpu_ms + after.cpu_ms) / 2 for before, after in pairwise(forwards)]
    return {
        "forward_s": round(median(one.seconds for one in forwards), 4),
        "forward_cpu_ms": round(median(one.cpu_ms for one in forwards), 2),
        **_used(runs),
        "own_cpu_ms": round(_own_cpu_ms(runs), 2),
        **spread(
            "forward_share_of_own_cpu",
            [bare / _own_cpu_ms([run]) for bare, run in zip(around, runs, strict=True)],
        ),
    }


def _used(runs: list[Run]) -> dict[str, float]:
    return {f"{name}_cpu_ms": round(median(run.cpu_ms[name] for run in runs), 2) for name in runs[0].cpu_ms}


def _own_cpu_ms(runs: list[Run]) -> float:
    return median(sum(run.cpu_ms[name] for name in PROCESSES) for run in runs)


def _aws(requests: Requests, own_cpu_ms: float) -> dict[str, Any]:
    million = 1_000_000
    sqs, s3 = cost.sqs_usd(requests.billed) * million, cost.s3_usd(requests.s3) * million
    instance = cost.instance_usd(own_cpu_ms / 1000) * million
    return {
        "sqs_requests_per_image": _total(requests.sqs),
        "s3_requests_per_image": _total(requests.s3),
        "sqs_billed_requests_per_image": _total(requests.billed),
        "sqs_requests_by_operation": requests.sqs,
        "sqs_requests_by_queue": requests.by_queue,
        "s3_requests_by_method": requests.s3,
        "sqs_usd_per_million": round(sqs, 2),
        "s3_usd_per_million": round(s3, 2),
        f"{cost.INSTANCE.replace('.', '_')}_usd_per_million": round(instance, 2),
        "usd_per_million": round(sqs + s3 + instance, 2),
    }


def _total(requests: Mapping[str, float]) -> float:
    return round(sum(requests.values()), 3)
