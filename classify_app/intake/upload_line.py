"""The line of requests that wait for an upload thread: bounded, and ended at once when S3 doesn't answer."""

import asyncio
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from asgiref.sync import async_to_sync

from classify_app.threads import THREADS, in_thread, release_connection, upload_threads
from project.aws.clients import ERRORS
from project.refusals import Refusal, unavailable

Answer = TypeVar("Answer")

MAX_UPLOADS = 4_000
"""Uploads in the line and in its threads. Each keeps its body, in memory or in files (FILE_UPLOAD_MAX_MEMORY_SIZE)."""

MAX_WAIT_SECONDS = 120.0
"""The longest wait for a thread, while S3 answers slowly."""

AWAY_SECONDS = 30.0
"""How long one failed call says that S3 is away: longer than a call takes, so a silent S3 stays away under uploads."""


class UploadLine:
    """Gives uploads to the upload threads in the order in which they came.

    S3 is away for AWAY_SECONDS once it fails to store a picture and has stored no other since that call began. Then
    nobody waits for a thread: uploads that find a free one try S3, the others are refused. One success ends this.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._length = 0
        self._succeeded_at = self._failed_at = -math.inf

    async def run(self, work: Callable[[], Answer]) -> Answer:
        """Run work that calls S3 in an upload thread. Raises Refusal instead of waiting too long for one.

        If its client leaves while it waits, it isn't run. It counts until its turn has ended, as its body is kept.
        """
        joined_at, left = time.monotonic(), False

        def turn() -> Answer:
            try:
                gave_up = self._is_away and self._failed_at > joined_at
                if left or gave_up or time.monotonic() > joined_at + MAX_WAIT_SECONDS:
                    raise self._refusal()
                return work()
            finally:
                with self._lock:
                    self._length -= 1

        with self._lock:
            if self._length >= (THREADS if self._is_away else MAX_UPLOADS):
                raise self._refusal()
            self._length += 1
        running = asyncio.ensure_future(in_thread(turn, upload_threads))
        try:
            # Without the shield the turn of a client that leaves would never come, though its work stays in the queue.
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            left = True
            running.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # or asyncio would log it
            raise

    def run_and_wait(self, work: Callable[[], Answer]) -> Answer:
        """Do the same for a synchronous view, whose database connection is released meanwhile."""
        release_connection()
        return async_to_sync(self.run)(work)

    @contextmanager
    def storing(self) -> Iterator[None]:
        """Note whether S3 stores the picture in this context. Meanwhile this thread holds no database connection.

        Other calls note nothing: that S3 finds a picture doesn't mean that it stores one.
        """
        release_connection()
        began_at = time.monotonic()
        try:
            yield
        except ERRORS:
            if self._succeeded_at < began_at:
                self._failed_at = time.monotonic()
            raise
        self._succeeded_at = time.monotonic()

    @property
    def _is_away(self) -> bool:
        return self._failed_at > max(self._succeeded_at, time.monotonic() - AWAY_SECONDS)

    def _refusal(self) -> Refusal:
        if self._is_away:
            return unavailable("Pictures can't be stored at the moment; please try again.")
        return unavailable("Too many uploads are waiting; please try again later.")


upload_line = UploadLine()
