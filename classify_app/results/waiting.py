"""Requests that wait for their classification: one query asks for all that a process's requests wait for.

Correct with any number of web processes and consumers, since the row is what is waited for, and no
message can reach the wrong waiter. A waiting request holds no thread and no database connection.
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
RETRY_SECONDS = 1.0  # while the database is away
IDS_PER_QUERY = 500  # SQLite and PostgreSQL bound the parameters of a query.

poll_thread = ThreadPoolExecutor(1, thread_name_prefix="waiter")


class Waiter:
    """Answers all waits of one event loop from one polling task, which lives while somebody waits."""

    def __init__(self) -> None:
        self.waiting: dict[UUID, set[asyncio.Future[None]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def wait(self, id: UUID, seconds: float) -> bool:
        """Return True as soon as the classification is finished, False when `seconds` have passed before."""
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
                await self._answer()
        finally:
            # Not awaited: a wait that begins meanwhile must find this task done.
            poll_thread.submit(_close_connection)

    async def _answer(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            finished = await loop.run_in_executor(poll_thread, finished_of, list(self.waiting))
        except DatabaseError as error:
            log.warning("database unavailable, waiting requests go on waiting", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)
            return
        for id in finished:
            for future in self.waiting.get(id, ()):
                if not future.done():
                    future.set_result(None)
        await asyncio.sleep(POLL_SECONDS)


def _close_connection() -> None:
    connection.close()


def finished_of(ids: list[UUID]) -> list[UUID]:
    """Return those of the ids that are no longer queued."""
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
