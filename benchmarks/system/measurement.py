"""Measure one model: time its loads in one stack, and count its AWS requests in another."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
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


class Part(StrEnum):
    """The loads' speed and CPU time; a worker by itself, idle and starting; the AWS requests per picture."""

    LOADS = "loads"
    WORKER = "worker"
    REQUESTS = "requests"


@dataclass(frozen=True)
class Extent:
    """The extent of a measurement: photographs per load, rounds, seconds of idling, and what is measured."""

    images: int
    rounds: int
    idle_seconds: float
    parts: Collection[Part]


@dataclass(frozen=True)
class Findings:
    """The measurements of a model. By load: its runs, and its AWS requests per picture. Empty: a part left out.

    `forwards` has one more item than there are rounds: each round is between two of them.
    """

    model: str
    forwards: list[Forward]
    runs: dict[str, list[Run]]
    requests: dict[str, Requests]
    worker: dict[str, float]

    @property
    def about(self) -> dict[str, str]:
        """The columns of a row that describe the network."""
        return self.forwards[0].about if self.forwards else {"model": self.model}


def measured(model: str, extent: Extent, log: Callable[[str], None]) -> Findings:
    variables = stacks.settings(model)
    found = Findings(model, [], {}, {}, {})
    if {Part.LOADS, Part.WORKER} & set(extent.parts):
        with stacks.running(variables) as stack:
            closed_loop(stack, 2 * max(CONCURRENCIES), max(CONCURRENCIES))  # to warm up
            if Part.LOADS in extent.parts:
                _measure_loads(found, stack, variables, extent, log)
            if Part.WORKER in extent.parts:
                log(f"{model}: an idle worker, and a starting one")
                found.worker.update(worker.idle(stack, extent.idle_seconds), **worker.start_up(stack))
    if Part.REQUESTS in extent.parts:
        log(f"{model}: AWS requests")
        found.requests.update(_requests(variables, extent.images))
    return found


def _measure_loads(
    found: Findings, stack: Stack, variables: dict[str, str], extent: Extent, log: Callable[[str], None]
) -> None:
    environ = {**environment(stacks.unused_ports()), **variables}
    # Measured often, next to the idle stack, because a core's speed varies with the load of the host.
    found.forwards.append(forward.measured(environ))
    for number in range(extent.rounds):
        for load, (_, send) in loads(extent.images).items():
            log(f"{found.model}: {load}, round {number + 1} of {extent.rounds}")
            found.runs.setdefault(load, []).append(send(stack))
        found.forwards.append(forward.measured(environ))


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
