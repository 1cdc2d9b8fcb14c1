"""Measure one model: time its loads in one stack, and count its AWS requests in another."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from benchmarks import forward
from benchmarks import stack as stacks
from benchmarks.forward import Forward
from benchmarks.system import worker
from benchmarks.system.requests import Requests, counted, counting
from benchmarks.system.uploads import BURST, Run, burst, closed_loop
from infra.local.environment import environment
from infra.local.stack import Stack

CONCURRENCIES = (1, 8, 32)
SHARES = {1: 5, 8: 2, 32: 1}
"""Fraction of the photographs, 1/n, for each concurrency: a low concurrency takes longer."""

Send: TypeAlias = Callable[[Stack], Run]


@dataclass(frozen=True)
class Extent:
    """The extent of a measurement: photographs per load, rounds, and seconds of idling."""

    images: int
    rounds: int
    idle_seconds: float


@dataclass(frozen=True)
class Findings:
    """The measurements of a model. By load: its runs, and its AWS requests per picture.

    `forwards` has one more item than there are rounds: each round is between two of them.
    """

    forwards: list[Forward]
    runs: dict[str, list[Run]]
    requests: dict[str, Requests]
    worker: dict[str, float]


def measured(model: str, extent: Extent, log: Callable[[str], None]) -> Findings:
    variables = stacks.settings(model)
    environ = {**environment(stacks.unused_ports()), **variables}
    runs: dict[str, list[Run]] = {load: [] for load in loads(extent.images)}
    with stacks.running(variables) as stack:
        closed_loop(stack, 2 * max(CONCURRENCIES), max(CONCURRENCIES))  # to warm up
        # Measured often, next to the idle stack, because a core's speed varies with the load of the host.
        forwards = [forward.measured(environ)]
        for number in range(extent.rounds):
            for load, (_, send) in loads(extent.images).items():
                log(f"{model}: {load}, round {number + 1} of {extent.rounds}")
                runs[load].append(send(stack))
            forwards.append(forward.measured(environ))
        log(f"{model}: an idle worker, and a starting one")
        alone = {**worker.idle(stack, extent.idle_seconds), **worker.start_up(stack)}
    log(f"{model}: AWS requests")
    return Findings(forwards, runs, _requests(variables, extent.images), alone)


def loads(images: int) -> dict[str, tuple[int, Send]]:
    """Return each load by its name: its number of photographs, and the function that sends them."""
    found: dict[str, tuple[int, Send]] = {}
    for concurrency in CONCURRENCIES:
        requests = max(1, images // SHARES[concurrency])
        found[f"{concurrency} at a time"] = requests, partial(closed_loop, requests=requests, concurrency=concurrency)
    return {**found, BURST: (images, partial(burst, requests=images))}


def _requests(variables: dict[str, str], images: int) -> dict[str, Requests]:
    with counting(variables) as (stack, proxy):
        return {
            load: counted(proxy, pictures, partial(send, stack)) for load, (pictures, send) in loads(images).items()
        }
