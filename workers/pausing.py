"""A worker receives nothing while S3 or SQS is unavailable, so that messages don't use up their receives.

A message becomes a dead letter after five receives. A good picture must not, even if S3 is unavailable for an hour.
"""

import threading
from functools import cache

import structlog

from project.aws.clients import explain
from project.aws.startup import aws_is_available
from project.backoff import Backoff

log = structlog.get_logger()


class Pause:
    """True while receiving is paused: from an AWS error until all buckets and queues respond again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paused = False

    def __bool__(self) -> bool:
        return self._paused

    def begin(self, error: Exception) -> None:
        with self._lock:
            if self._paused:
                return
            self._paused = True
        log.warning("AWS is unavailable, receiving is paused", reason=explain(error))
        threading.Thread(target=self._wait, name="pause", daemon=True).start()

    def _wait(self) -> None:
        backoff, waiting = Backoff(), threading.Event()
        waiting.wait(backoff.seconds())
        while not aws_is_available():
            waiting.wait(backoff.seconds())
        log.info("AWS is available again, receiving is resumed")
        self._paused = False


@cache
def pause() -> Pause:
    return Pause()
