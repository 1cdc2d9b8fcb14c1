"""While S3 or SQS refuses a worker's calls it receives nothing, so that no good picture is received too often.

Five receives make a dead letter of a message. An hour without S3 must not cost a picture its five.
"""

import threading
from functools import cache

import structlog

from project.aws.clients import explain
from project.aws.startup import aws_is_available
from project.backoff import Backoff

log = structlog.get_logger()


class Pause:
    """Begins with an attempt that AWS failed; ends as soon as AWS answers for all buckets and queues again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lasts = False

    def __bool__(self) -> bool:
        return self._lasts

    def begin(self, error: Exception) -> None:
        with self._lock:
            if self._lasts:
                return
            self._lasts = True
        log.warning("AWS unavailable, receiving nothing until it is back", reason=explain(error))
        threading.Thread(target=self._wait, name="pause", daemon=True).start()

    def _wait(self) -> None:
        backoff, waiting = Backoff(), threading.Event()
        waiting.wait(backoff.seconds())
        while not aws_is_available():
            waiting.wait(backoff.seconds())
        log.info("AWS is back, receiving again")
        self._lasts = False


@cache
def pause() -> Pause:
    return Pause()
