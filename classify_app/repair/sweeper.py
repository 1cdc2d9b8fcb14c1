"""The sweeper: sends the messages of rows that have none: it was never sent, is gone, or became a dead letter."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import structlog
from celery.utils.functional import chunks
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from classify_app.intake import outbox
from classify_app.models import TO_REDRIVE, Classification, DeadLetter, State
from classify_app.repair.redrive import redrive_due
from classify_app.results.completion import complete
from project import env
from project.aws import queues, storage
from project.aws.clients import ERRORS, explain
from project.aws.queues import MAX_MESSAGES
from project.contract import ContractError, Record
from project.stopping import Stop

log = structlog.get_logger()

VERY_OLD = timedelta(hours=1)
"""The message of a row this old may have been sent and processed although `submitted_at` was never written."""

RETENTION = timedelta(days=14)
"""How long SQS keeps a message of the request queue, and of any other at most."""

LOST_AFTER = timedelta(hours=1)
"""Once the request queue and its dead-letter queue are empty, a message sent this long ago is in no queue any more."""

PAGE = 500


def sweep(older_than: timedelta = RETENTION, stop: Stop | None = None) -> int:
    """Send every stale row's message, or complete the row from its stored record; return the number of rows recovered.

    A row is stale if its message was never sent, became a dead letter that is due to be redriven, or was sent and is
    gone: `older_than` ago it expired, and empty queues have none. Ends at a stop, and at the first batch that can't be
    sent; the next sweep goes on.
    """
    recovered = 0
    redrive_due()
    try:
        for batch in _stale(older_than):
            if stop:
                break
            recovered += _recover(batch)
    except Interrupted as error:
        log.error("sweep ended early, the next one goes on", reason=str(error))
    return recovered


class Interrupted(Exception):
    """A part of a sweep failed in a way in which the rest would fail as well."""


def _stale(older_than: timedelta) -> Iterator[list[Classification]]:
    yield from _batches(_unsent())
    yield from _batches(_lost(older_than))  # asked for only now: unsent rows don't depend on it


def _unsent() -> QuerySet[Classification]:
    stale_since = timezone.now() - timedelta(seconds=env.web().stale_after_seconds)
    return Classification.objects.filter(state=State.QUEUED, submitted_at=None, created_at__lt=stale_since)


def _lost(older_than: timedelta) -> QuerySet[Classification]:
    """Return the rows whose message expired, or was purged."""
    try:
        if all(map(queues.is_empty, (env.aws().request_queue_url, env.web().request_dead_letter_queue_url))):
            older_than = min(older_than, LOST_AFTER)
    except ERRORS as error:
        raise Interrupted(f"the queues can't be asked for their length: {explain(error)}") from error
    letters = DeadLetter.objects.filter(TO_REDRIVE, classification=OuterRef("id"))
    sent_before = timezone.now() - older_than
    return Classification.objects.filter(~Exists(letters), state=State.QUEUED, submitted_at__lt=sent_before)


def _batches(rows: QuerySet[Classification]) -> Iterator[list[Classification]]:
    """Yield rows, oldest first, by as many as fit into a call; no query stays open while they are written to."""
    last = UUID(int=0)
    while page := list(rows.filter(id__gt=last).order_by("id")[:PAGE]):
        yield from chunks(iter(page), MAX_MESSAGES)
        last = page[-1].id


def _recover(rows: list[Classification]) -> int:
    """Complete rows from their stored records, or send their messages; return the number of rows recovered."""
    completed, unsent = 0, []
    for row in rows:
        try:
            record = _stored_record(row)
            if record is None:
                unsent.append(row)
            else:
                completed += complete(record)
                log.info("completed from the stored record", id=record.id)
        except ERRORS as error:
            log.error("output bucket unavailable, trying again at the next sweep", id=str(row.id), error=str(error))
        except ContractError as error:
            log.error("stored record can't be read, row skipped", id=str(row.id), error=str(error))
    if not unsent:
        return completed
    sent = outbox.send(unsent)
    if not sent:
        raise Interrupted("no message of a batch was sent and marked as sent")
    log.info("messages sent again", count=sent)
    return completed + sent


def _stored_record(row: Classification) -> Record | None:
    return storage.get_record(str(row.id)) if row.created_at < timezone.now() - VERY_OLD else None
