"""Database connections of threads that outlive the requests they work for."""

from django.db import connection


def give_connection_back() -> None:
    """Let others have this thread's connection where it comes from a pool.

    One to SQLite stays: a file costs others nothing, and to open it again costs a millisecond a time.
    """
    if connection.vendor != "sqlite" or connection.errors_occurred:
        connection.close()
