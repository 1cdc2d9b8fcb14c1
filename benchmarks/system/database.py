"""Read a run's state directly from the site's database, so that the queries don't count as the site's CPU time."""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.stack import DATABASE

DRAINED_SECONDS = 600
CHECK_SECONDS = 0.02


class NotClassified(Exception):
    """Some pictures failed or were never classified, so the measurement is invalid."""


def wait_until_drained(state: Path) -> None:
    """Return as soon as no picture is queued. Raises NotClassified."""
    deadline = time.monotonic() + DRAINED_SECONDS
    while _count(state, "queued"):
        if time.monotonic() > deadline:
            raise NotClassified(f"pictures are still queued after {DRAINED_SECONDS} s")
        time.sleep(CHECK_SECONDS)
    if failed := _count(state, "failed"):
        raise NotClassified(f"{failed} pictures failed")


def last_record(state: Path) -> dict[str, Any]:
    """Return the record of the latest picture."""
    [[record]] = _rows(state, "SELECT record FROM classify_app_classification ORDER BY id DESC LIMIT 1")
    found: dict[str, Any] = json.loads(record)
    return found


def _count(state: Path, which: str) -> int:
    [[count]] = _rows(state, "SELECT count(*) FROM classify_app_classification WHERE state = ?", which)
    return int(count)


def _rows(state: Path, query: str, *values: str) -> list[tuple[Any, ...]]:
    # Not `mode=ro`, which can't open a database in WAL mode unless another process has it open.
    with closing(sqlite3.connect(f"file:{state / DATABASE}?mode=rw", uri=True)) as database:
        return database.execute(query, values).fetchall()
