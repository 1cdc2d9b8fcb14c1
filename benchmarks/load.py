"""Closed-loop load from a process of its own, so that no server is charged with the client's CPU time.

`running` starts that process, which reads the photographs and waits; `Client.run` lets it send them.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import IO, Any

READY = "ready"


@dataclass(frozen=True)
class Load:
    """`requests` uploads of the photographs in turns, as multipart field `file`, `concurrency` at a time.

    With `opened_before` each of the `concurrency` connections is opened, by a request that isn't counted, before the
    client is ready, one shortly after another: of several processes that listen on one socket the first takes all
    connections that come at the same moment, and keeps them.
    """

    url: str
    photographs: Sequence[str]
    requests: int
    concurrency: int
    headers: Mapping[str, str] = field(default_factory=dict)
    expected_status: int = 200
    opened_before: bool = False


@dataclass(frozen=True)
class Answers:
    """What came back: seconds from the first request to the last answer, each request's seconds, its file and JSON."""

    elapsed_s: float
    latencies_s: list[float]
    documents: list[dict[str, Any]]

    @property
    def per_second(self) -> float:
        return len(self.latencies_s) / self.elapsed_s


class LoadFailed(Exception):
    """Some answers were not what was expected, so that no figure of this run means anything."""


class Client:
    """A client that is ready to send."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self) -> Answers:
        """Send everything and wait for the answers. Raises LoadFailed."""
        output, _ = self._process.communicate("go\n")
        if self._process.returncode:
            raise LoadFailed(output.strip() or f"the client ended with {self._process.returncode}")
        return Answers(**json.loads(output))


@contextmanager
def running(load: Load) -> Iterator[Client]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.client"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    stdin, stdout = _pipes(process)
    try:
        stdin.write(json.dumps(asdict(load)) + "\n")
        stdin.flush()
        if (said := stdout.readline().strip()) != READY:
            raise LoadFailed(said or "the client did not start")
        yield Client(process)
    finally:
        process.kill()
        process.wait()


def _pipes(process: "subprocess.Popen[str]") -> tuple[IO[str], IO[str]]:
    assert process.stdin is not None and process.stdout is not None
    return process.stdin, process.stdout
