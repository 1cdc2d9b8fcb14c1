"""The sweeper: sends the messages of rows whose web process died before it could."""

from datetime import timedelta

import structlog
from django.utils import timezone

from classify_app.completion import complete
from classify_app.models import Classification, State
from classify_app.submission import send
from project import env, storage
from project.aws import ERRORS
from project.contract import ContractError

log = structlog.get_logger()

VERY_OLD = timedelta(hours=1)
"""A row this old may have been sent and done although its `submitted_at` was never written."""


def sweep() -> int:
    """Send every stale row's message again, or take its stored result; return how many were brought in.

    Only rows whose message was never sent are stale: one that merely waits in a long queue is not.
    """
    stale_since = timezone.now() - timedelta(seconds=env.web().stale_after_seconds)
    stale = Classification.objects.filter(state=State.QUEUED, submitted_at=None, created_at__lt=stale_since)
    brought_in = 0
    for row in stale.order_by("created_at").iterator(chunk_size=500):
        brought_in += _bring_in(row)
    return brought_in


def _bring_in(row: Classification) -> bool:
    if row.created_at < timezone.now() - VERY_OLD:
        try:
            record = storage.get_record(str(row.id))
            if record is not None:
                log.info("stored result taken", id=str(row.id))
                return complete(record)
        except ERRORS as error:
            log.error("output bucket away, row left for the next sweep", id=str(row.id), error=str(error))
            return False
        except ContractError as error:
            log.error("stored result can't be read, row left alone", id=str(row.id), error=str(error))
            return False
    sent = send(row)
    if sent:
        log.info("message sent again", id=str(row.id))
    return sent
