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

MAX_POLL_SECONDS = 0.04
MIN_POLL_SECONDS = 0.005
POLL_SHARE = 1 / 8
"""The pause between two polls as a share of the longest wait: one that is alone and short isn't made longer by much."""

RETRY_SECONDS = 1.0  # while the database is unavailable
IDS_PER_QUERY = 500  # SQLite and PostgreSQL limit the parameters of a query.

ID = Classification._meta.pk
# It is asked up to 200 times a second. As a query of Django it would take twice the CPU time.
FINISHED = f"""
SELECT {", ".join(str(field.column) for field in Classification._meta.concrete_fields if field.name != "thumbnail")}
FROM {Classification._meta.db_table} WHERE state <> '{State.QUEUED}' AND id IN ({{}})"""  # noqa: S608 -- all names are the code's own

poll_thread = ThreadPoolExecutor(1, thread_name_prefix="waiter")


class Waiter:
    """Wakes the waiting requests of one event loop. One polling task serves all of them, and ends when none is left."""

    def __init__(self) -> None:
        self.waiting: dict[UUID, set[asyncio.Future[Classification]]] = {}
        self._since: dict[UUID, float] = {}  # of the loop's clock, the longest wait first
        self._task: asyncio.Task[None] | None = None

    async def wait(self, id: UUID, seconds: float) -> Classification | None:
        """Return the classification as soon as it is finished, without its thumbnail, or None after `seconds`."""
        future: asyncio.Future[Classification] = asyncio.get_running_loop().create_future()
        self.waiting.setdefault(id, set()).add(future)
        self._since.setdefault(id, asyncio.get_running_loop().time())
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._poll())
        try:
            return await asyncio.wait_for(future, seconds)
        except TimeoutError:
            return None
        finally:
            self._forget(id, future)

    def _forget(self, id: UUID, future: "asyncio.Future[Classification]") -> None:
        futures = self.waiting.get(id, set())
        futures.discard(future)
        if not futures:
            self.waiting.pop(id, None)
            self._since.pop(id, None)

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
        for row in finished:
            for future in self.waiting.get(row.id, ()):
                if not future.done():
                    future.set_result(row)
        await asyncio.sleep(self._pause())

    def _pause(self) -> float:
        longest = asyncio.get_running_loop().time() - next(iter(self._since.values()), 0.0)
        return min(max(MIN_POLL_SECONDS, longest * POLL_SHARE), MAX_POLL_SECONDS)


def _close_connection() -> None:
    connection.close()


def finished_among(ids: list[UUID]) -> list[Classification]:
    """Return the finished classifications among `ids`, without their thumbnails."""
    finished: list[Classification] = []
    try:
        for start in range(0, len(ids), IDS_PER_QUERY):
            some = [ID.get_db_prep_value(id, connection) for id in ids[start : start + IDS_PER_QUERY]]
            finished += Classification.objects.raw(FINISHED.format(", ".join(["%s"] * len(some))), some)
    except DatabaseError:
        connection.close()
        raise
    return finished


waiter = Waiter()
