"""A local stack for a benchmark: real processes and the emulator, in a folder and on ports of its own."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from infra.local import stack
from infra.local.ports import free_ports
from infra.local.stack import Stack
from project.env import Local

PROCESSES = {"web": "web", "worker": "worker", "consumer": "results"}
"""What is started and charged to the system, by the name of its figure. What only waits or watches is left out."""

SETTINGS = {
    "MODEL_WEIGHTS": "random",  # They take the same time as trained ones.
    "MODEL_FALLBACK": "1",  # as in a local stack
    "LONG_POLL_SECONDS": "20",  # A local stack polls more often than a real one.
    "LOG_FORMAT": "json",
}
MODELS = ("resnet18", "resnet50")
DATABASE = "db.sqlite3"


def models() -> Sequence[str]:
    """Return the models to measure: the one that is configured, or else two."""
    if os.environ.get("MODEL") or os.environ.get("ONNX_MODEL"):
        return [os.environ.get("MODEL", MODELS[0])]
    return MODELS


def settings(model: str) -> dict[str, str]:
    """Return a benchmark's variables; what the caller's environment sets stays as it is."""
    return {"MODEL": model, **{name: os.environ.get(name, value) for name, value in SETTINGS.items()}}


@contextmanager
def running(variables: Mapping[str, str], ports: Local | None = None) -> Iterator[Stack]:
    """Start a stack and wait until it is ready; stop it and delete its state at the end."""
    with tempfile.TemporaryDirectory(prefix="recognition-benchmark-") as folder:
        own = {**variables, "DATABASE_URL": f"sqlite:///{folder}/{DATABASE}"}
        with stack.running(
            ports or unused_ports(),
            _say_nothing,
            state=Path(folder),
            names=PROCESSES.values(),
            settings=own,
            keep=False,
        ) as started:
            yield started


def _say_nothing(step: str) -> None:
    """A benchmark says itself what it does."""


def unused_ports() -> Local:
    web, flower, aws = free_ports(3)
    return Local(web_port=web, flower_port=flower, aws_port=aws)


def groups(started: Stack) -> dict[str, list[int]]:
    """Return whose CPU time is counted under which name."""
    pids = started.pids()
    return {**{name: [pids[process]] for name, process in PROCESSES.items()}, "emulator": [started.emulator_pid]}
