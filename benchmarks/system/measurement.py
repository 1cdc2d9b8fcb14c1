"""One model's run: its loads timed in one stack, and its AWS requests counted in another."""

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
"""Few at a time take long: what part of the photographs a concurrency gets."""

Send: TypeAlias = Callable[[Stack], Run]


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    images: int
    rounds: int
    idle_seconds: float


@dataclass(frozen=True)
class Findings:
    """What was measured of a model. By load: its runs, and its requests a picture.

    `forwards` are one more than the rounds: each round stands between two of them.
    """

    forwards: list[Forward]
    runs: dict[str, list[Run]]
    requests: dict[str, Requests]
    worker: dict[str, float]


def measured(model: str, extent: Extent, say: Callable[[str], None]) -> Findings:
    variables = stacks.settings(model)
    environ = {**environment(stacks.unused_ports()), **variables}
    runs: dict[str, list[Run]] = {load: [] for load in loads(extent.images)}
    with stacks.running(variables) as stack:
        closed_loop(stack, 2 * max(CONCURRENCIES), max(CONCURRENCIES))  # to warm up
        # Beside a stack that is idle, and often: what a core does in a second changes with the machine's other guests.
        forwards = [forward.measured(environ)]
        for number in range(extent.rounds):
            for load, (_, send) in loads(extent.images).items():
                say(f"{model}: {load}, round {number + 1} of {extent.rounds}")
                runs[load].append(send(stack))
            forwards.append(forward.measured(environ))
        say(f"{model}: a worker that waits, and one that starts")
        alone = {**worker.idle(stack, extent.idle_seconds), **worker.start_up(stack)}
    say(f"{model}: AWS requests")
    return Findings(forwards, runs, _requests(variables, extent.images // 2), alone)


def loads(images: int) -> dict[str, tuple[int, Send]]:
    """Return each load by its name: how many photographs, and how a stack gets them."""
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
