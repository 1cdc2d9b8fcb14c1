"""The threads that asynchronous requests do their blocking work in, and their database connections."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.db import connection

Answer = TypeVar("Answer")

# Requests take turns on these threads, and so on their database connections, however many come at once.
THREADS = 8
threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")


async def in_thread(work: Callable[[], Answer]) -> Answer:
    """Run blocking work that may use the database, and give a pooled connection back before returning."""

    def run() -> Answer:
        try:
            return work()
        finally:
            give_connection_back()

    return await sync_to_async(run, thread_sensitive=False, executor=threads)()


def give_connection_back() -> None:
    """Let others have this thread's connection where it comes from a pool.

    One to SQLite stays: a file costs others nothing, and to open it again costs a millisecond a time.
    """
    if connection.vendor != "sqlite" or connection.errors_occurred:
        connection.close()
