"""A local stack for a benchmark: real processes and the emulator, with their own folder and ports."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import cores
from infra.local import stack
from infra.local.ports import free_ports
from infra.local.stack import Stack
from project.env import Local

PROCESSES = {"web": "web", "worker": "worker", "consumer": "results"}
"""The processes that are started and measured, by the name of the figure. Flower, sweeper and the like are left out."""

SETTINGS = {
    "MODEL_WEIGHTS": "random",  # Untrained weights take the same time.
    "MODEL_FALLBACK": "1",  # as in a local stack
    "LONG_POLL_SECONDS": "20",  # As in production; a local stack polls more often.
    "LOG_FORMAT": "json",
}
MODELS = ("resnet18", "resnet50")
DATABASE = "db.sqlite3"


def models() -> Sequence[str]:
    """Return the models to measure: the configured one, or by default two."""
    if os.environ.get("MODEL") or os.environ.get("ONNX_MODEL"):
        return [os.environ.get("MODEL", MODELS[0])]
    return MODELS


def settings(model: str) -> dict[str, str]:
    """Return a benchmark's environment variables. Values in the caller's environment take precedence."""
    return {"MODEL": model, **{name: os.environ.get(name, value) for name, value in SETTINGS.items()}}


@contextmanager
def running(variables: Mapping[str, str], ports: Local | None = None) -> Iterator[Stack]:
    """Start a stack and wait until it is ready; stop it and delete its state at the end."""
    with tempfile.TemporaryDirectory(prefix="recognition-benchmark-") as folder:
        own = {**variables, "DATABASE_URL": f"sqlite:///{folder}/{DATABASE}"}
        with stack.running(
            ports or unused_ports(),
            _log_nothing,
            state=Path(folder),
            names=PROCESSES.values(),
            settings=own,
            keep=False,
        ) as started:
            cores.move_apart(started.emulator_pid)
            yield started


def _log_nothing(step: str) -> None:
    """Ignore the stack's steps: a benchmark logs its own."""


def unused_ports() -> Local:
    web, flower, aws = free_ports(3)
    return Local(web_port=web, flower_port=flower, aws_port=aws)


def groups(started: Stack) -> dict[str, list[int]]:
    """Return the process ids for each name under which CPU time is reported."""
    pids = started.pids()
    return {**{name: [pids[process]] for name, process in PROCESSES.items()}, "emulator": [started.emulator_pid]}
