"""The servers to compare. Each runs only during its turn."""

import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import httpx
import psutil

from benchmarks import stack as stacks
from benchmarks.load import BASE64, BODY, FIELD, request
from infra.local import install
from infra.local.environment import ROOT, STATE
from infra.local.photographs import photographs
from infra.local.ports import free_ports

OURS = "ours"
REQUIREMENTS = Path("benchmarks/peers/requirements")
READY_SECONDS = 180
CHECK_SECONDS = 0.5
STOP_SECONDS = 5  # LitServe takes no notice, and no peer holds anything that could be lost.
LOG_TAIL = 3000

SAME_ENGINE = "same engine"
EXAMPLE = "documentation's example"
WHOLE_SYSTEM = "whole system"

# A model worker has one intra-op thread. Libraries read this when they are imported.
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Peer:
    """A peer: its package, the arguments that start its server, its URL path, and its environment variables.

    kind: SAME_ENGINE, the worker's engine, preprocessing and threads with what is around them tuned as the peer's
    documentation recommends; or EXAMPLE, as that documentation's example serves an image classifier.
    """

    package: str
    arguments: str
    path: str
    settings: Mapping[str, str] = field(default_factory=dict)
    kind: str = SAME_ENGINE
    sent_as: str = FIELD


UNOBSERVED = {"RAY_USAGE_STATS_ENABLED": "0", "BENTOML_DO_NOT_TRACK": "True"}
BENTOML = "-m bentoml serve benchmarks.peers.{module}:Classify --host 127.0.0.1 --port {{port}}"
PEERS = {
    "litserve": Peer("litserve", "-m benchmarks.peers.litserve_server {port}", "/predict", ONE_THREAD),
    "ray": Peer(
        "ray",
        "-m benchmarks.peers.ray_server {port}",
        "/",
        # https://docs.ray.io/en/latest/serve/advanced-guides/performance.html
        {**ONE_THREAD, "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1"},
    ),
    "bentoml": Peer("bentoml", BENTOML.format(module="bentoml_server"), "/classify", ONE_THREAD),
    "litserve-example": Peer(
        "litserve", "-m benchmarks.peers.litserve_example {port}", "/predict", kind=EXAMPLE, sent_as=BASE64
    ),
    "ray-example": Peer("ray", "-m benchmarks.peers.ray_example {port}", "/", kind=EXAMPLE, sent_as=BODY),
    "bentoml-example": Peer("bentoml", BENTOML.format(module="bentoml_example"), "/classify", kind=EXAMPLE),
}


@dataclass(frozen=True)
class Server:
    """A running server: its URL, and the process ids whose CPU time counts as its own and as the emulator's."""

    url: str
    own: list[int]
    emulator: list[int] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)
    sent_as: str = FIELD


class NotServing(Exception):
    """A peer did not start; the text is the end of its log."""


def kind(name: str) -> str:
    """Return how a server is set up: WHOLE_SYSTEM, SAME_ENGINE or EXAMPLE."""
    return WHOLE_SYSTEM if name == OURS else PEERS[name].kind


def venv(package: str) -> Path:
    return STATE / "peers" / package


def prepare(package: str) -> str:
    """Create a peer's virtual environment if it doesn't exist; return the installed version of the peer."""
    venv(package).parent.mkdir(parents=True, exist_ok=True)
    install.main(REQUIREMENTS / f"{package}.txt", venv(package))
    code = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run([install.python(venv(package)), "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


@contextmanager
def running(name: str, variables: Mapping[str, str]) -> Iterator[Server]:
    """Start a peer or the whole system and wait until it classifies; stop all of its processes at the end."""
    if name == OURS:
        with stacks.running({**variables, "LONG_POLL_SECONDS": "2"}) as stack:
            groups = stacks.groups(stack)
            emulator = groups.pop("emulator")
            headers = {"Authorization": f"Bearer {stack.token}", "Prefer": f"wait={READY_SECONDS}"}
            yield Server(f"{stack.site}/api/v1/classifications", list(chain(*groups.values())), emulator, headers)
    else:
        with _peer(PEERS[name], install.python(venv(PEERS[name].package)), variables) as server:
            yield server


@contextmanager
def _peer(peer: Peer, python: Path, variables: Mapping[str, str]) -> Iterator[Server]:
    [port] = free_ports(1)
    # Not below STATE: Ray makes Unix sockets here, whose paths are limited to about 100 characters.
    with tempfile.TemporaryDirectory(prefix="peer-") as folder, Path(folder, "log").open("w+b") as log:
        own = {"TMPDIR": folder, "RAY_TMPDIR": folder, "RAY_AUTH_TOKEN": secrets.token_hex(32), "PYTHONPATH": str(ROOT)}
        process = psutil.Popen(
            [str(python), *peer.arguments.format(port=port).split()],
            env={**os.environ, **variables, **UNOBSERVED, **peer.settings, **own},
            cwd=ROOT,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            url = f"http://127.0.0.1:{port}{peer.path}"
            _wait_until_serving(process, url, peer.sent_as, Path(folder, "log"))
            yield Server(url, [process.pid], sent_as=peer.sent_as)
        finally:
            _stop(process)


def _wait_until_serving(process: psutil.Popen, url: str, sent_as: str, log: Path) -> None:
    first = photographs()[0]
    picture = request(first.name, first.read_bytes(), sent_as)
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.post(url, **picture, timeout=READY_SECONDS).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(CHECK_SECONDS)
    raise NotServing(log.read_text(errors="replace")[-LOG_TAIL:])


def _stop(process: psutil.Popen) -> None:
    """Terminate a server, and kill those of its processes that don't end in time."""
    if process.poll() is not None:
        return
    started = process.children(recursive=True)
    process.terminate()
    _, left = psutil.wait_procs([process, *started], STOP_SECONDS)
    for one in left:
        one.kill()
    psutil.wait_procs(left, STOP_SECONDS)
