"""The sweeper: sends the messages of rows whose web process failed to send them."""

from datetime import timedelta

import structlog
from celery.utils.functional import chunks
from django.utils import timezone

from classify_app.intake import outbox
from classify_app.models import Classification, State
from classify_app.results.completion import complete
from project import env
from project.aws import storage
from project.aws.clients import ERRORS
from project.aws.queues import MAX_MESSAGES
from project.contract import ContractError, Record

log = structlog.get_logger()

VERY_OLD = timedelta(hours=1)
"""The message of a row this old may have been sent and processed although `submitted_at` was never written."""


def sweep() -> int:
    """Send every stale row's message, or complete the row from its stored record; return the number of rows recovered.

    A row is stale if its message was never sent. A row that waits in a long queue is not stale.
    """
    stale_since = timezone.now() - timedelta(seconds=env.web().stale_after_seconds)
    stale = Classification.objects.filter(state=State.QUEUED, submitted_at=None, created_at__lt=stale_since)
    rows = stale.order_by("created_at").iterator(chunk_size=500)
    return sum(_recover(chunk) for chunk in chunks(rows, MAX_MESSAGES))


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
    sent = outbox.send(unsent) if unsent else 0
    if sent:
        log.info("messages sent again", count=sent)
    return completed + sent


def _stored_record(row: Classification) -> Record | None:
    return storage.get_record(str(row.id)) if row.created_at < timezone.now() - VERY_OLD else None
