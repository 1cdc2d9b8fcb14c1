"""The sweeper: sends the messages of rows whose web process died before it could."""

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
"""A row this old may have been sent and done although its `submitted_at` was never written."""


def sweep() -> int:
    """Send every stale row's message again, or take its stored result; return how many were brought in.

    Only rows whose message was never sent are stale: one that merely waits in a long queue is not.
    """
    stale_since = timezone.now() - timedelta(seconds=env.web().stale_after_seconds)
    stale = Classification.objects.filter(state=State.QUEUED, submitted_at=None, created_at__lt=stale_since)
    rows = stale.order_by("created_at").iterator(chunk_size=500)
    return sum(_bring_in(some) for some in chunks(rows, MAX_MESSAGES))


def _bring_in(rows: list[Classification]) -> int:
    """Take the stored results of rows, or send their messages; return for how many either was done."""
    taken, unanswered = 0, []
    for row in rows:
        try:
            record = _stored_result(row)
            if record is None:
                unanswered.append(row)
            else:
                taken += complete(record)
                log.info("stored result taken", id=record.id)
        except ERRORS as error:
            log.error("output bucket unavailable, row left for the next sweep", id=str(row.id), error=str(error))
        except ContractError as error:
            log.error("stored result can't be read, row left alone", id=str(row.id), error=str(error))
    sent = outbox.send(unanswered) if unanswered else 0
    if sent:
        log.info("messages sent again", count=sent)
    return taken + sent


def _stored_result(row: Classification) -> Record | None:
    return storage.get_record(str(row.id)) if row.created_at < timezone.now() - VERY_OLD else None
