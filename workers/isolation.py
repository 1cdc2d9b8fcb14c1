"""A child process for pictures that may have crashed a worker.

If a worker crashes, all its messages in flight are received again. So from its second receive on, a picture is
classified in a child process, one at a time. A crash of the child is then due to one picture, and harms no other.
It is blamed only if a second child crashes as well, because memory may run out, or somebody may kill a child.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from multiprocessing.connection import Connection
from typing import Any

import structlog

from project import logs
from project.pictures import CRASHED, TOO_SLOW, BadPicture
from workers.pipeline import Outcome, pipeline

log = structlog.get_logger()

READY_SECONDS = 120  # for importing torch and loading the model
PICTURE_SECONDS = 60
IDLE_SECONDS = 60  # after which the child ends, because it takes as much memory as the worker
TURN_SECONDS = 5 * PICTURE_SECONDS
"""Longest wait for the child while other pictures are classified there, one at a time."""


class ChildUnavailable(Exception):
    """The child process didn't start, was stopped or was busy. The picture is not to blame, so a retry may succeed."""


class IsolatedClassifier:
    """Classifies in a child process, which is started when needed and ends after IDLE_SECONDS. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle = threading.Timer(0, self.end)
        self.child: Any = None
        self.pipe: Any = None

    def classify(self, content: bytes) -> Outcome:
        """Return the picture's labels, header and thumbnail.

        Raises BadPicture, also if the picture twice crashes the child or takes more than PICTURE_SECONDS;
        ChildUnavailable if the child doesn't start, is stopped or is busy for TURN_SECONDS; RuntimeError for any other
        error in the child.
        """
        if not self._lock.acquire(timeout=TURN_SECONDS):
            raise ChildUnavailable(f"The child process was busy for {TURN_SECONDS} s.")
        try:
            answer = self._classify_in_child(content)
            if isinstance(answer, BadPicture) and answer.code in (CRASHED, TOO_SLOW):
                answer = self._classify_in_child(content)
            self._end_when_idle()
        finally:
            self._lock.release()
        if isinstance(answer, Exception):
            raise answer
        outcome: Outcome = answer
        return outcome

    def _start(self) -> None:
        # Spawned: a torch model that has run hangs in a forked child.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.child = context.Process(target=_serve, args=(theirs,), name="isolated-classifier", daemon=True)
        self.child.start()
        theirs.close()  # so that only the child has this end, and a crash closes the pipe
        try:
            ready = self.pipe.poll(READY_SECONDS) and self.pipe.recv()
        except EOFError:
            ready = False
        if not ready:
            self.stop()
            raise ChildUnavailable("The isolated classifier did not start.")
        log.info("isolated classifier started", child=self.child.pid)

    def _classify_in_child(self, content: bytes) -> Any:
        if self.child is None or not self.child.is_alive():
            self._start()
        try:
            self.pipe.send_bytes(content)
            if self.pipe.poll(PICTURE_SECONDS):
                return self.pipe.recv()
        except (EOFError, OSError):
            return self._crash()
        self.stop()
        log.error("picture took too long", seconds=PICTURE_SECONDS)
        return BadPicture(TOO_SLOW, f"The picture was not classified within {PICTURE_SECONDS} s.")

    def _crash(self) -> Exception:
        code = self.stop()
        if code == -signal.SIGTERM:
            return ChildUnavailable("The isolated classifier was asked to stop.")
        cause = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        log.error("isolated classifier crashed", cause=cause)
        return BadPicture(CRASHED, f"The picture crashed the process that classified it ({cause}).")

    def _end_when_idle(self) -> None:
        self._idle.cancel()
        self._idle = threading.Timer(IDLE_SECONDS, self.end)
        self._idle.daemon = True
        self._idle.start()

    def end(self) -> None:
        """End the child, if there is one, once it is idle."""
        with self._lock:
            if self.child is not None:
                self.stop()
                log.info("isolated classifier ended, it was idle")

    def stop(self) -> int:
        """Stop the child, unless it has ended already; return its exit code, negative for a signal."""
        self.pipe.close()
        self.child.join(1)
        self.child.kill()
        self.child.join()
        code: int = self.child.exitcode
        self.child = None
        return code


def _serve(pipe: Connection) -> None:
    """Receive pictures' bytes and send back an Outcome or an exception for each, until the pipe is closed."""
    # In its own session, so that Ctrl-C reaches only the worker, which finishes its messages first, also here.
    os.setsid()
    logs.configure()
    classify = pipeline().classify
    with suppress(EOFError, BrokenPipeError):  # The worker has ended, or closed its end.
        pipe.send(True)
        while True:
            pipe.send(_answer(classify, pipe.recv_bytes()))


def _answer(classify: Callable[[bytes], Outcome], content: bytes) -> Outcome | Exception:
    try:
        return classify(content)
    except BadPicture as bad:
        return bad
    except Exception as error:  # noqa: BLE001 -- the worker gets any error
        return RuntimeError(repr(error))  # the error itself may not be picklable


@cache
def isolated() -> IsolatedClassifier:
    return IsolatedClassifier()
