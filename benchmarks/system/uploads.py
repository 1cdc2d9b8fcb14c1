"""Send photographs to a stack: in a closed loop, where each request waits for its result, or in a burst."""

import time
from dataclasses import dataclass

from benchmarks import load, usage
from benchmarks.figures import latencies
from benchmarks.load import Load
from benchmarks.stack import groups
from benchmarks.system.database import wait_until_drained
from infra.local.photographs import photographs
from infra.local.stack import Stack

BURST = "burst"
BURST_CONCURRENCY = 8
WAIT_SECONDS = 120


@dataclass(frozen=True)
class Run:
    """One run of a load: pictures per second until the last result, latencies, CPU time per picture, also the client's.

    A latency is the time to the response: the result, or in a burst the 202 of an accepted picture.
    """

    images_per_s: float
    latencies: dict[str, float]
    cpu_ms: dict[str, float]


def closed_loop(stack: Stack, requests: int, concurrency: int) -> Run:
    """Send `concurrency` requests at a time, each after the result of the last."""
    return _measured(stack, _load(stack, requests, concurrency, {"Prefer": f"wait={WAIT_SECONDS}"}, 200))


def burst(stack: Stack, requests: int) -> Run:
    """Send all pictures as fast as they are accepted, then wait until the backlog is drained."""
    return _measured(stack, _load(stack, requests, BURST_CONCURRENCY, {}, 202))


def send_one(stack: Stack) -> None:
    """Send one photograph without waiting for its result."""
    with load.running(_load(stack, 1, 1, {}, 202)) as client:
        client.run()


def _load(stack: Stack, requests: int, concurrency: int, headers: dict[str, str], expected_status: int) -> Load:
    return Load(
        f"{stack.site}/api/v1/classifications",
        [str(path) for path in photographs()],
        requests,
        concurrency,
        {"Authorization": f"Bearer {stack.token}", **headers},
        expected_status,
    )


def _measured(stack: Stack, uploads: Load) -> Run:
    measured = groups(stack)
    with load.running(uploads) as client:
        before, started = usage.cpu_by_group(measured), time.perf_counter()
        answers = client.run()
        wait_until_drained(stack.state)
        elapsed = time.perf_counter() - started
        used = {**usage.difference(before, usage.cpu_by_group(measured)), "client": answers.client_cpu_s}
    if uploads.expected_status == 200:
        elapsed = answers.elapsed_s
    return Run(
        uploads.requests / elapsed,
        latencies(answers.latencies_s),
        {name: seconds * 1000 / uploads.requests for name, seconds in used.items()},
    )
