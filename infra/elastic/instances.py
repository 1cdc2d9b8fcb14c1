"""An instance of the local fleet: one worker process, with the lifecycle that an instance has in AWS."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path

from infra.local.environment import ROOT
from infra.local.stack import READY_LINE, WORKER


class State(Enum):
    PENDING = "pending"  # as with a launch hook: until the worker polls
    IN_SERVICE = "in service"
    TERMINATING = "terminating"
    GONE = "gone"


class Instance:
    """A process that is started at once, and is in service once its log has the line.

    Asked to terminate it drains; if that takes longer than `drain_seconds` it is killed, as at the end of a termination
    hook. `killed` says whether it was, `failed` whether it ended without having been asked to.
    """

    def __init__(
        self,
        number: int,
        environ: Mapping[str, str],
        logs: Path,
        drain_seconds: float,
        command: Sequence[str] | None = None,
    ) -> None:
        self.number = number
        self.state = State.PENDING
        self.killed = self.failed = False
        self._drain_seconds = drain_seconds
        self._kill_at = float("inf")
        self._log = logs / f"worker{number}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command or [sys.executable, *WORKER.format(name=f"worker{number}").split()],
                env=dict(environ),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C must not reach it before the fleet has asked it to drain.
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def terminate(self) -> None:
        """Ask the worker to drain: it takes no more, finishes what it holds or gives it back, and ends."""
        self.state = State.TERMINATING
        self._kill_at = time.monotonic() + self._drain_seconds
        self._process.terminate()

    def look(self) -> None:
        """Update the state."""
        if self._process.poll() is not None and self.state is not State.GONE:
            self.failed = self.state is not State.TERMINATING
            self.state = State.GONE
        elif self.state is State.PENDING and READY_LINE in self._log.read_text(errors="replace"):
            self.state = State.IN_SERVICE
        elif self.state is State.TERMINATING and time.monotonic() >= self._kill_at:
            self.kill()

    def kill(self) -> None:
        """End the worker and its children at once; what it holds comes again after the visibility timeout."""
        self.killed = True
        os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self.state = State.GONE

    def end_of_log(self, lines: int = 5) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])
