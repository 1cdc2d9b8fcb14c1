"""Closed-loop load from a separate process, so that the client's CPU time isn't counted as the server's.

`running` starts the process, which reads the photographs and waits; `Client.run` makes it send them.
"""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import IO, Any

from benchmarks import cores

READY = "ready"

FIELD = "multipart field"
BODY = "body"
BASE64 = "base64 in JSON"


@dataclass(frozen=True)
class Load:
    """`requests` uploads of the photographs in turn, `concurrency` at a time.

    sent_as: FIELD, the multipart field `file`; BODY, the picture's bytes; or BASE64, `image_data` in a JSON document.
    With `opened_before` each of the `concurrency` connections is opened before the client is ready, one shortly after
    another, by a request that isn't counted. If several processes listen on one socket, the first one would accept all
    connections that are opened at the same moment.
    """

    url: str
    photographs: Sequence[str]
    requests: int
    concurrency: int
    headers: Mapping[str, str] = field(default_factory=dict)
    expected_status: int = 200
    opened_before: bool = False
    sent_as: str = FIELD


@dataclass(frozen=True)
class Answers:
    """The responses: seconds from the first request to the last response, and each request's seconds, file and JSON.

    client_cpu_s: the client's own CPU seconds in that time.
    """

    elapsed_s: float
    client_cpu_s: float
    latencies_s: list[float]
    documents: list[dict[str, Any]]

    @property
    def per_second(self) -> float:
        return len(self.latencies_s) / self.elapsed_s


def request(name: str, content: bytes, sent_as: str = FIELD) -> dict[str, Any]:
    """Return what httpx sends for a picture, as keyword arguments."""
    if sent_as == BODY:
        return {"content": content}
    if sent_as == BASE64:
        return {"json": {"image_data": base64.b64encode(content).decode()}}
    return {"files": {"file": (name, content)}}


class LoadFailed(Exception):
    """Some responses had an unexpected status, so the measurement is invalid."""


class Client:
    """A client that is ready to send."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self) -> Answers:
        """Send the load and wait for the responses. Raises LoadFailed."""
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
    cores.move_apart(process.pid)
    try:
        stdin.write(json.dumps(asdict(load)) + "\n")
        stdin.flush()
        if (line := stdout.readline().strip()) != READY:
            raise LoadFailed(line or "the client did not start")
        yield Client(process)
    finally:
        process.kill()
        process.wait()


def _pipes(process: "subprocess.Popen[str]") -> tuple[IO[str], IO[str]]:
    assert process.stdin is not None and process.stdout is not None
    return process.stdin, process.stdout
