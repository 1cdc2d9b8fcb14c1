"""A process of its own for pictures that may have ended a worker: what kills it can be seen, and kills nothing else.

A worker that dies takes along all that it held, and each of those messages then comes a second time. So from the
second receive on a picture is classified here, one at a time, and a death belongs to the picture that caused it.
"""

import multiprocessing
import os
import signal
import threading
from functools import cache
from multiprocessing.connection import Connection
from typing import Any

import structlog

from project import logs
from project.pictures import CRASHED, TOO_SLOW, BadPicture
from workers.pipeline import Outcome, pipeline

log = structlog.get_logger()

READY_SECONDS = 120  # to import torch and to load the model
PICTURE_SECONDS = 60


class ChildUnavailable(Exception):
    """The child ended before it had a picture; no picture is to blame, so trying again is right."""


class Isolated:
    """Classifies in a child process, which is started at the first picture and again after each death."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self.child: Any = None
        self.pipe: Any = None

    def classify(self, content: bytes) -> Outcome:
        """Raises BadPicture, also where the picture ends the child or takes too long; ChildUnavailable."""
        with self._turn:
            if self.child is None or not self.child.is_alive():
                self._start()
            answer = self._ask(content)
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
        theirs.close()  # so that the child's end is the only one, and its death is seen
        try:
            ready = self.pipe.poll(READY_SECONDS) and self.pipe.recv()
        except EOFError:
            ready = False
        if not ready:
            self.end()
            raise ChildUnavailable("The process for suspicious pictures did not start.")
        log.info("isolated classifier started", child=self.child.pid)

    def _ask(self, content: bytes) -> Any:
        try:
            self.pipe.send_bytes(content)
            if self.pipe.poll(PICTURE_SECONDS):
                return self.pipe.recv()
        except (EOFError, OSError):
            return self._death()
        self.end()
        log.error("picture took too long", seconds=PICTURE_SECONDS)
        return BadPicture(TOO_SLOW, f"The picture was not classified within {PICTURE_SECONDS} s.")

    def _death(self) -> Exception:
        code = self.end()
        if code == -signal.SIGTERM:
            return ChildUnavailable("The process for suspicious pictures was asked to stop.")
        cause = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        log.error("picture ended its process", cause=cause)
        return BadPicture(CRASHED, f"The picture ended the process that classified it ({cause}).")

    def end(self) -> int:
        """End the child; return the exit code it had before, or gets by that: a signal's is negative."""
        self.child.join(1)
        self.child.kill()
        self.child.join()
        code: int = self.child.exitcode
        self.child = None
        return code


def _serve(pipe: Connection) -> None:
    """Answer each picture's bytes with an Outcome or an exception, until the worker has gone."""
    # Ctrl-C and signals to the worker's group are the worker's affair: it first finishes what it holds, here too.
    os.setsid()
    logs.configure()
    classify = pipeline().classify
    pipe.send(True)
    while True:
        try:
            content = pipe.recv_bytes()
        except EOFError:
            return
        try:
            pipe.send(classify(content))
        except BadPicture as bad:
            pipe.send(bad)
        except Exception as error:  # noqa: BLE001 -- whatever goes wrong belongs to whoever sent the picture
            pipe.send(RuntimeError(repr(error)))  # some errors can't be pickled


@cache
def isolated() -> Isolated:
    return Isolated()
