"""Summary of a model's measurements: a row for each load, and one for the worker by itself."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from statistics import median
from typing import Any

from benchmarks.figures import spread, spreads
from benchmarks.forward import Forward
from benchmarks.results import Row
from benchmarks.stack import PROCESSES
from benchmarks.system import cost
from benchmarks.system.measurement import Findings
from benchmarks.system.requests import Requests
from benchmarks.system.uploads import BURST, Run


def rows(found: Findings) -> Iterator[Row]:
    for load in found.runs or found.requests:
        yield {
            **found.about,
            "load": load,
            **_timed(load, found.forwards, found.runs.get(load, [])),
            **_aws(found.requests.get(load), found.runs.get(load, [])),
        }
    if found.worker:
        yield {**found.about, **found.worker}


def single_runs(found: Findings) -> Iterator[Row]:
    for forward in found.forwards:
        yield {**forward.about, "forward_cpu_ms": forward.cpu_ms, "forward_s": forward.seconds}
    for load, runs in found.runs.items():
        for run in runs:
            speed = {"images_per_s": round(run.images_per_s, 2), **run.latencies}
            yield {**found.about, "load": load, **speed, **_cpu_ms(run)}


def _timed(load: str, forwards: list[Forward], runs: list[Run]) -> dict[str, float]:
    """Return speed and CPU times per picture, compared with the bare forward pass around each round."""
    if not runs:
        return {}
    around = list(pairwise(forwards))
    bare_cpu_ms = [(before.cpu_ms + after.cpu_ms) / 2 for before, after in around]
    bare_s = [(before.seconds + after.seconds) / 2 for before, after in around]
    beyond = [run.latencies["p50_s"] - bare for bare, run in zip(bare_s, runs, strict=True)]
    return {
        **spread("images_per_s", [run.images_per_s for run in runs]),
        **spreads([run.latencies for run in runs]),
        **spread("forward_s", [one.seconds for one in forwards]),
        # In a burst the response comes before the forward pass.
        **({} if load == BURST else spread("p50_beyond_forward_s", beyond)),
        **spread("forward_cpu_ms", [one.cpu_ms for one in forwards]),
        **spreads([_cpu_ms(run) for run in runs]),
        **spread("own_cpu_ms", [_own_cpu_ms(run) for run in runs]),
        **spread("own_cores", [_own_cpu_ms(run) / 1000 * run.images_per_s for run in runs]),
        **spread(
            "forward_share_of_own_cpu",
            [bare / _own_cpu_ms(run) for bare, run in zip(bare_cpu_ms, runs, strict=True)],
        ),
    }


def _cpu_ms(run: Run) -> dict[str, float]:
    return {f"{name}_cpu_ms": round(spent, 2) for name, spent in run.cpu_ms.items()}


def _own_cpu_ms(run: Run) -> float:
    return sum(run.cpu_ms[name] for name in PROCESSES)


def _aws(requests: Requests | None, runs: list[Run]) -> dict[str, Any]:
    """Return the requests per picture, and if its CPU time was measured too, the price of a million pictures."""
    if not requests:
        return {}
    million = 1_000_000
    sqs, s3 = cost.sqs_usd(requests.billed) * million, cost.s3_usd(requests.s3) * million
    found = {
        "sqs_requests_per_image": _total(requests.sqs),
        "s3_requests_per_image": _total(requests.s3),
        "sqs_billed_requests_per_image": _total(requests.billed),
        "sqs_requests_by_operation": requests.sqs,
        "sqs_requests_by_queue": requests.by_queue,
        "s3_requests_by_method": requests.s3,
        "sqs_usd_per_million": round(sqs, 2),
        "s3_usd_per_million": round(s3, 2),
    }
    if not runs:
        return found
    instance = cost.instance_usd(median(_own_cpu_ms(run) for run in runs) / 1000) * million
    return {
        **found,
        f"{cost.INSTANCE.replace('.', '_')}_usd_per_million": round(instance, 2),
        "usd_per_million": round(sqs + s3 + instance, 2),
    }


def _total(requests: Mapping[str, float]) -> float:
    return round(sum(requests.values()), 3)
