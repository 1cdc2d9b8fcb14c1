"""Threads for the blocking work of asynchronous requests, and their database connections."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.db import connection

Answer = TypeVar("Answer")

# Requests share these threads, which limits the database connections of a process.
THREADS = 8
threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")


async def in_thread(work: Callable[[], Answer]) -> Answer:
    """Run blocking work in a thread, and release its database connection before returning."""

    def run() -> Answer:
        try:
            return work()
        finally:
            release_connection()

    return await sync_to_async(run, thread_sensitive=False, executor=threads)()


def release_connection() -> None:
    """Return this thread's database connection to the pool.

    A connection to SQLite stays open: it comes from no pool, and reopening it costs a millisecond.
    """
    if connection.vendor != "sqlite" or connection.errors_occurred:
        connection.close()
