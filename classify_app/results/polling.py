"""What the consumers have in common: receive, settle in the database, delete; until stopped."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import structlog
from django.db import Error as DatabaseError
from django.db import connection

from project.aws import queues
from project.aws.clients import ERRORS, explain
from project.backoff import Backoff
from project.stopping import Stop

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageTypeDef

log = structlog.get_logger()

SEVERAL = 8
GATHER_SECONDS = 0.02  # for each of several messages

Settle: TypeAlias = "Callable[[list[MessageTypeDef]], list[MessageTypeDef]]"
"""Commits what messages say and returns those that are done with, which are then deleted."""


class Unavailable(Exception):
    """The database, or AWS, doesn't answer; the text says which and why."""


class DatabaseUnavailable(Unavailable):
    """Without the database no queue can be settled; AWS may fail for one queue alone."""


def poll(stop: Stop, settles: Mapping[str, Settle]) -> None:
    """Settle the messages of queues, by their URLs, until stopped.

    While the database is away nothing is received, so nothing is received too often. While AWS fails for a queue the
    others go on.
    """
    busy: set[str] = set()
    backoffs = {url: Backoff() for url in settles}
    due = dict.fromkeys(settles, 0.0)  # when each may be asked again, of the monotonic clock
    while not stop:
        stop.wait(min(due.values()) - time.monotonic())
        for url, settle in settles.items():
            if stop:
                break
            if due[url] > time.monotonic():
                continue
            # A queue that may be empty must not hold up one that isn't.
            wait_seconds = 0 if busy - {url} else None
            try:
                came = _take_turn(url, settle, wait_seconds)
            except Unavailable as error:
                log.warning("trying again", queue=url, reason=str(error))
                busy.discard(url)
                later = time.monotonic() + backoffs[url].seconds()
                due.update(dict.fromkeys(settles if isinstance(error, DatabaseUnavailable) else [url], later))
                continue
            backoffs[url].reset()
            (busy.add if came else busy.discard)(url)
            if SEVERAL <= came < queues.MAX_MESSAGES:
                # The more come the more are on their way, and ten cost no more than one.
                stop.wait(came * GATHER_SECONDS)
    log.info("stopped")


def _take_turn(url: str, settle: Settle, wait_seconds: int | None) -> int:
    """Receive once and settle what came; return how many messages that were. Raises Unavailable."""
    try:
        _ask_database()
        # A stop waits for the poll's end: SQS hands messages to an abandoned poll, and so hides them from the others.
        messages = queues.receive(url, wait_seconds)
        queues.delete(url, settle(messages))
    except ERRORS as error:
        raise Unavailable(f"AWS unavailable: {explain(error)}") from error
    except DatabaseError as error:
        connection.close()
        raise DatabaseUnavailable(
            f"database unavailable, nothing is received meanwhile, see DATABASE_URL: {error}"
        ) from error
    return len(messages)


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
