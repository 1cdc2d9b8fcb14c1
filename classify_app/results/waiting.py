"""Requests that wait for their classification. One query polls the rows for all waiting requests of a process.

This works with any number of web processes and consumers, because requests wait for the row and not for a message.
A waiting request occupies no thread and no database connection.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import structlog
from django.db import Error as DatabaseError
from django.db import connection

from classify_app.models import Classification, State

log = structlog.get_logger()

POLL_SECONDS = 0.02
RETRY_SECONDS = 1.0  # while the database is unavailable
IDS_PER_QUERY = 500  # SQLite and PostgreSQL limit the parameters of a query.

poll_thread = ThreadPoolExecutor(1, thread_name_prefix="waiter")


class Waiter:
    """Wakes the waiting requests of one event loop. One polling task serves all of them, and ends when none is left."""

    def __init__(self) -> None:
        self.waiting: dict[UUID, set[asyncio.Future[None]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def wait(self, id: UUID, seconds: float) -> bool:
        """Return True as soon as the classification is finished, or False after `seconds`."""
        future = asyncio.get_running_loop().create_future()
        self.waiting.setdefault(id, set()).add(future)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._poll())
        try:
            await asyncio.wait_for(future, seconds)
        except TimeoutError:
            return False
        finally:
            self._forget(id, future)
        return True

    def _forget(self, id: UUID, future: "asyncio.Future[None]") -> None:
        futures = self.waiting.get(id, set())
        futures.discard(future)
        if not futures:
            self.waiting.pop(id, None)

    async def _poll(self) -> None:
        try:
            while self.waiting:
                await self._wake_finished()
        finally:
            # Not awaited, so that this task is done before another wait can begin.
            poll_thread.submit(_close_connection)

    async def _wake_finished(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            finished = await loop.run_in_executor(poll_thread, finished_among, list(self.waiting))
        except DatabaseError as error:
            log.warning("database unavailable, requests keep waiting", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)
            return
        for id in finished:
            for future in self.waiting.get(id, ()):
                if not future.done():
                    future.set_result(None)
        await asyncio.sleep(POLL_SECONDS)


def _close_connection() -> None:
    connection.close()


def finished_among(ids: list[UUID]) -> list[UUID]:
    """Return the ids of finished classifications among `ids`."""
    finished: list[UUID] = []
    try:
        for start in range(0, len(ids), IDS_PER_QUERY):
            some = Classification.objects.filter(id__in=ids[start : start + IDS_PER_QUERY])
            finished += some.exclude(state=State.QUEUED).values_list("id", flat=True)
    except DatabaseError:
        connection.close()
        raise
    return finished


waiter = Waiter()
