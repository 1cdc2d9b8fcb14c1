"""Measure the servers in turns, A B C D, A B C D, so that changes of the machine's load affect all of them."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import forward, load, usage, variants
from benchmarks import stack as stacks
from benchmarks.figures import latencies
from benchmarks.forward import Forward
from benchmarks.load import Answers, Load
from benchmarks.peers.servers import Server, running
from benchmarks.variants import Variant
from infra.local.environment import environment
from infra.local.photographs import photographs

CONCURRENCIES = (1, 8, 32)
SHARES = {1: 10, 8: 2, 32: 1}
"""Fraction of the photographs, 1/n, for each concurrency: a low concurrency takes longer."""

WARM_UP = 32

Labels = dict[str, list[str]]


@dataclass(frozen=True)
class Turn:
    """A server's measurement at one concurrency: CPU time per picture, and labels by picture."""

    server: str
    concurrency: int
    images_per_s: float
    latencies: dict[str, float]
    own_cpu_ms: float
    emulator_cpu_ms: float
    client_cpu_ms: float
    labels: Labels

    @property
    def images_per_cpu_s(self) -> float:
        return 1000 / self.own_cpu_ms

    @property
    def own_cores(self) -> float:
        """The cores that the server kept busy; pictures a second are these times pictures a CPU-second."""
        return self.images_per_s / self.images_per_cpu_s


@dataclass(frozen=True)
class Round:
    """One round: the bare forward pass, and a turn of each server at each concurrency."""

    forward: Forward
    turns: list[Turn]


def rounds(
    model: str, variant: Variant, names: Sequence[str], *, images: int, count: int, log: Callable[[str], Any]
) -> Iterator[Round]:
    with tempfile.TemporaryDirectory(prefix="recognition-weights-") as folder:
        variables = stacks.settings(model)
        if variables["MODEL_WEIGHTS"] == "random":
            variables["MODEL_WEIGHTS"] = _same_weights(model, Path(folder, f"{model}.pth"))
        variables = variants.settings(variant, variables, Path(folder))
        for number in range(count):
            log(f"{model} {variant}: round {number + 1} of {count}")
            bare = forward.measured({**environment(stacks.unused_ports()), **variables})
            turns: list[Turn] = []
            for name in names:
                log(f"{model} {variant}: {name}")
                with running(name, variables) as server:
                    turns += _turns(name, server, images)
            yield Round(bare, turns)


def _same_weights(model: str, file: Path) -> str:
    """Write untrained weights to a file, because each server would initialise different ones."""
    subprocess.run([sys.executable, "-m", "benchmarks.peers.weights", model, str(file)], check=True)
    return str(file)


def _turns(name: str, server: Server, images: int) -> Iterator[Turn]:
    _sent(server, WARM_UP, WARM_UP)
    for concurrency in CONCURRENCIES:
        requests = max(1, images // SHARES[concurrency])
        answers, used = _sent(server, requests, concurrency)
        yield Turn(
            name,
            concurrency,
            answers.per_second,
            latencies(answers.latencies_s),
            used["own"] * 1000 / requests,
            used["emulator"] * 1000 / requests,
            answers.client_cpu_s * 1000 / requests,
            {one["file"]: labels(one["answer"]) for one in answers.documents},
        )


def _sent(server: Server, requests: int, concurrency: int) -> tuple[Answers, dict[str, float]]:
    """Send `requests` pictures; return the responses and the CPU seconds of each group of processes."""
    groups = {"own": server.own, "emulator": server.emulator}
    paths = [str(path) for path in photographs()]
    sent = Load(server.url, paths, requests, concurrency, server.headers, opened_before=True, sent_as=server.sent_as)
    with load.running(sent) as client:
        before = usage.cpu_by_group(groups)
        answers = client.run()
        return answers, usage.difference(before, usage.cpu_by_group(groups))


def labels(answer: Any) -> list[str]:
    """Return the labels of a response, best first. BentoML's response is a list of one, like a batch."""
    [document] = answer if isinstance(answer, list) else [answer]
    return [str(one["label"]) for one in document["top5"]]
