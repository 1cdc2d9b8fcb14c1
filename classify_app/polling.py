"""What the consumers have in common: receive, settle in the database, delete; until stopped."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import structlog
from botocore.exceptions import BotoCoreError, ClientError
from django.db import Error as DatabaseError
from django.db import connection

from classify_app.stopping import Stop
from project import queues

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageTypeDef

log = structlog.get_logger()

RETRY_SECONDS = 2.0

Settle: TypeAlias = "Callable[[list[MessageTypeDef]], list[MessageTypeDef]]"
"""Commits what messages say and returns those that are done with, which are then deleted."""


def poll(stop: Stop, settles: Mapping[str, Settle]) -> None:
    """Settle the messages of queues, by their URLs, until stopped.

    While the database is away nothing is received, so nothing is received too often.
    """
    busy: set[str] = set()
    while not stop:
        for url, settle in settles.items():
            if not _database_answers():
                stop.wait(RETRY_SECONDS)
                break
            # A queue that may be empty must not hold up one that isn't.
            wait_seconds = 0 if busy - {url} else queues.WAIT_SECONDS
            if _take_turn(stop, url, settle, wait_seconds):
                busy.add(url)
            else:
                busy.discard(url)
    log.info("stopped")


def _take_turn(stop: Stop, url: str, settle: Settle, wait_seconds: int) -> bool:
    """Receive once and settle what came; return whether anything came."""
    messages: list[MessageTypeDef] = []
    try:
        messages = stop.unless_stopped(partial(queues.receive, url, wait_seconds)) or []
        queues.delete(url, settle(messages))
    except (BotoCoreError, ClientError) as error:
        log.warning("AWS away, trying again", error=str(error))
        stop.wait(RETRY_SECONDS)
    except DatabaseError as error:
        log.warning("messages not settled, they come again", count=len(messages), error=str(error))
    return bool(messages)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        log.warning("database away, not receiving", error=str(error))
        connection.close()
        return False
    return True
