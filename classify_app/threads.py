"""Threads for the blocking work of asynchronous requests, and their database connections.

Uploads have threads of their own, since S3 may hold each of these for seconds. Reading must not wait for it.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.db import connection

Answer = TypeVar("Answer")

# Requests share these threads, which limits the database connections of a process.
THREADS = 8
database_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="database")
upload_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="upload")


async def in_thread(work: Callable[[], Answer], threads: ThreadPoolExecutor = database_threads) -> Answer:
    """Run blocking work in a thread, and release its database connection before returning.

    threads: `upload_threads` for work that calls S3, which classify_app.intake.upload_line alone gives to them.
    """

    def run() -> Answer:
        try:
            return work()
        finally:
            release_connection()

    return await sync_to_async(run, thread_sensitive=False, executor=threads)()


def release_connection() -> None:
    """Return this thread's database connection to the pool, unless a transaction needs it.

    A connection to SQLite stays open: it comes from no pool, and reopening it costs a millisecond.
    """
    if not connection.in_atomic_block and (connection.vendor != "sqlite" or connection.errors_occurred):
        connection.close()
