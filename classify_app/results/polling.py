"""The loop of all consumers: receive messages, settle them in the database, delete them; until stopped."""

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

NEARLY_FULL = 8
"""Messages in a receive after which the loop pauses: at this rate the next receive can be full, for the same price."""

GATHER_SECONDS = 0.02  # pause for each received message

Settle: TypeAlias = "Callable[[list[MessageTypeDef]], list[MessageTypeDef]]"
"""Commits the content of messages and returns those that are settled, which are then deleted."""


class Unavailable(Exception):
    """The database or AWS is unavailable; the text says which and why."""


class DatabaseUnavailable(Unavailable):
    """The database is unavailable, which affects all queues; an error of AWS affects one queue only."""


def poll(stop: Stop, settles: Mapping[str, Settle]) -> None:
    """Receive and settle messages until stopped. `settles` has the function for each queue URL.

    While the database is unavailable nothing is received, so no message uses up its receives. While AWS fails for one
    queue, the others continue.
    """
    backlogged: set[str] = set()  # queues whose last receive returned messages
    backoffs = {url: Backoff() for url in settles}
    due = dict.fromkeys(settles, 0.0)  # when each may be received from again, of the monotonic clock
    while not stop:
        stop.wait(min(due.values()) - time.monotonic())
        for url, settle in settles.items():
            if stop:
                break
            if due[url] > time.monotonic():
                continue
            # A long poll of an empty queue must not block a queue with messages.
            wait_seconds = 0 if backlogged - {url} else None
            try:
                received = _receive_and_settle(url, settle, wait_seconds)
            except Unavailable as error:
                log.warning("receive failed, backing off", queue=url, reason=str(error))
                backlogged.discard(url)
                later = time.monotonic() + backoffs[url].seconds()
                for affected in settles if isinstance(error, DatabaseUnavailable) else (url,):
                    due[affected] = later
                continue
            backoffs[url].reset()
            if received:
                backlogged.add(url)
            else:
                backlogged.discard(url)
            if NEARLY_FULL <= received < queues.MAX_MESSAGES:
                stop.wait(received * GATHER_SECONDS)
    log.info("stopped")


def _receive_and_settle(url: str, settle: Settle, wait_seconds: int | None) -> int:
    """Receive once and settle the messages; return how many were received. Raises Unavailable."""
    try:
        _check_database()
        # A stop waits for the long poll to end: SQS would deliver messages to an abandoned poll, and so hide them.
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


def _check_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
