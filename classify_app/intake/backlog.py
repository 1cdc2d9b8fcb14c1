"""The limit on queued pictures. Uploads beyond it are refused, so that the waiting time stays bounded."""

import threading
import time

from classify_app.models import Classification, State
from project import env
from project.refusals import Refusal

COUNT_SECONDS = 1.0
RETRY_AFTER_SECONDS = 30


class Backlog:
    """The number of queued rows: counted at most once a second, in between increased by this process's own uploads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._counted_at = -COUNT_SECONDS

    def reserve(self) -> None:
        """Reserve a place for one more picture. Raises Refusal if MAX_BACKLOG pictures are already queued."""
        allowed = env.web().max_backlog
        with self._lock:
            if time.monotonic() >= self._counted_at + COUNT_SECONDS:
                queued = Classification.objects.filter(state=State.QUEUED).order_by()
                # The limit stops the count early.
                self._count = queued[:allowed].count()
                self._counted_at = time.monotonic()
            if self._count >= allowed:
                sentence = f"{allowed:,} pictures are already waiting; please try again later."
                raise Refusal("backlog_full", sentence, RETRY_AFTER_SECONDS)
            self._count += 1


backlog = Backlog()
