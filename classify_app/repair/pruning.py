"""Pruning: deletes rows at the age at which S3 deletes the records, and sessions that have expired."""

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from classify_app.models import Classification, DeadLetter, State, id_at
from project.stopping import Stop

log = structlog.get_logger()

PAGE = 500
"""Rows of one transaction, so that others wait for it for milliseconds only."""


def prune(days: int, stop: Stop | None = None) -> dict[str, int]:
    """Delete what is prunable, page by page; return the number of rows by kind. Ends at a stop.

    Any number of processes may prune at the same time. The stored objects are left to S3.
    """
    pruned = {kind: _delete(rows, stop) for kind, rows in prunable(days).items()}
    if any(pruned.values()):
        log.info("pruned", rows=pruned)
    return pruned


def prunable(days: int) -> dict[str, QuerySet[Any]]:
    """Return the rows to delete by kind: those whose retention of so many days is over (0: none), expired sessions."""
    now = timezone.now()
    expired = {"sessions": Session.objects.filter(expire_date__lt=now).order_by("expire_date")}
    if days == 0:
        return expired
    since = now - timedelta(days=days)
    return {"classifications": _finished_before(since), "dead letters": _letters_before(since), **expired}


def _finished_before(since: datetime) -> QuerySet[Classification]:
    """Return the rows that were both accepted and finished before. Their ids are times, so no other index is needed."""
    accepted = Classification.objects.filter(id__lt=id_at(since)).order_by("id")
    return accepted.filter(finished_at__lt=since).exclude(state=State.QUEUED)


def _letters_before(since: datetime) -> QuerySet[DeadLetter]:
    """Return the dead letters that were last seen before, not handled since, and that no queued row waits for."""
    seen = DeadLetter.objects.filter(last_seen__lt=since)
    queued = Classification.objects.filter(id=OuterRef("classification"), state=State.QUEUED)
    return seen.filter(~Exists(queued), Q(handled_at=None) | Q(handled_at__lt=since)).order_by("last_seen")


def _delete(rows: QuerySet[Any], stop: Stop | None) -> int:
    """Delete rows, the oldest first, a page in a transaction; return their number."""
    deleted, page = 0, PAGE
    while page == PAGE and not stop:
        with transaction.atomic():
            # A row that somebody else changes or deletes at the moment is left to the next prune.
            found = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)[:PAGE])
            page, _ = rows.model._default_manager.filter(pk__in=found).only("pk").delete()
        deleted += page
    return deleted
