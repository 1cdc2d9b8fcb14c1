"""The ceiling on queued pictures: above it none is taken, so that the wait stays one that can be waited."""

import threading
import time

from classify_app.models import Classification, State
from project import env
from project.refusals import Refusal

COUNTED_EVERY_SECONDS = 1.0
RETRY_AFTER_SECONDS = 30


class Backlog:
    """The queued rows, counted once a second at most; in between a process adds what it takes itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._counted_at = -COUNTED_EVERY_SECONDS

    def take_place(self) -> None:
        """Count one more picture as queued. Raises Refusal where MAX_BACKLOG are queued already."""
        allowed = env.web().max_backlog
        with self._lock:
            if time.monotonic() >= self._counted_at + COUNTED_EVERY_SECONDS:
                queued = Classification.objects.filter(state=State.QUEUED).order_by()
                # Not counted further than it matters.
                self._count = queued[:allowed].count()
                self._counted_at = time.monotonic()
            if self._count >= allowed:
                sentence = f"{allowed:,} pictures wait already; please try again later."
                raise Refusal("backlog_full", sentence, RETRY_AFTER_SECONDS)
            self._count += 1


backlog = Backlog()
