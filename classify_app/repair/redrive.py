"""Redrive or discard a dead letter, each at most once, by a person or when its time has come."""

from functools import partial

import structlog
from django.db import transaction
from django.utils import timezone

from classify_app.intake import outbox
from classify_app.models import AWAITS_RESULT, TO_REDRIVE, Classification, DeadLetter, State
from classify_app.repair.dead_letters import fail
from project import env
from project.aws import queues
from project.aws.clients import ERRORS
from project.refusals import Refusal, unavailable

log = structlog.get_logger()

ALREADY_HANDLED = "It was redriven or discarded before."
CONFLICT = "conflict"
SWEEPER = "sweeper"
PAGE = 500
DISCARDED = "Its message failed too often and was discarded."


def redrive(letter: DeadLetter, by: str) -> None:
    """Send a waiting letter's message again; `by` is the user on record. Raises Refusal."""
    if letter.queue == DeadLetter.Queue.REQUESTS:
        _redrive_request(letter, by)
    else:
        _redrive_announcement(letter, by)


@transaction.atomic
def discard(letter: DeadLetter, by: str) -> None:
    """Discard a waiting letter; a classification that is still queued fails. Raises Refusal.

    `by` is the user on record.
    """
    _mark(letter, DeadLetter.State.DISCARDED, by)
    if letter.queue == DeadLetter.Queue.REQUESTS and letter.classification:
        fail(letter.classification, DISCARDED)


def redrive_due() -> None:
    """Redrive the letters whose `redrive_at` has come: their rows count as unsent again, so the next sweep sends them.

    A letter whose classification has a result by now is discarded.
    """
    due = DeadLetter.objects.filter(TO_REDRIVE, redrive_at__lte=timezone.now()).order_by("redrive_at")
    handled = {"handled_at": timezone.now(), "handled_by": SWEEPER}
    while ids := list(due.values_list("id", flat=True)[:PAGE]):
        with transaction.atomic():
            # Locked, so that each is redriven once although there may be two sweepers.
            letters = DeadLetter.objects.select_for_update().filter(TO_REDRIVE, id__in=ids).order_by("id")
            ids = list(letters.values_list("id", flat=True))
            queued = Classification.objects.filter(state=State.QUEUED, dead_letters__in=ids)
            reopened = queued.update(submitted_at=None)
            of_queued = DeadLetter.objects.filter(id__in=ids, classification__state=State.QUEUED)
            of_queued.update(state=DeadLetter.State.REDRIVEN, **handled)
            DeadLetter.objects.filter(TO_REDRIVE, id__in=ids).update(state=DeadLetter.State.DISCARDED, **handled)
        log.info("dead letters redriven", classifications=reopened)


@transaction.atomic
def _redrive_request(letter: DeadLetter, by: str) -> None:
    """Queue the classification again under the same id. If a record is stored already, the worker announces that one.

    As with an upload, the row is committed before its message is sent, so the sweeper recovers from a crash in between.
    """
    _mark(letter, DeadLetter.State.REDRIVEN, by)
    if letter.classification_id is None:
        raise Refusal(CONFLICT, "It belongs to no classification, so there is nothing to classify.")
    reopened = Classification.objects.filter(AWAITS_RESULT, id=letter.classification_id).update(
        state=State.QUEUED, error_code="", error="", finished_at=None, submitted_at=None
    )
    if not reopened:
        raise Refusal(CONFLICT, "Its classification has a result by now; classify it again instead.")
    transaction.on_commit(partial(outbox.put, Classification.objects.get(id=letter.classification_id)))


def _redrive_announcement(letter: DeadLetter, by: str) -> None:
    """Send the message to the response queue again. It is sent before the letter is marked: a crash in between may
    repeat the message but can't lose it.
    """
    if letter.state != DeadLetter.State.WAITING:
        raise Refusal(CONFLICT, ALREADY_HANDLED)
    try:
        queues.send(env.aws().response_queue_url, letter.body)
    except ERRORS as error:
        raise unavailable(f"The response queue is unavailable, please try again: {error}") from error
    _mark(letter, DeadLetter.State.REDRIVEN, by)


def _mark(letter: DeadLetter, state: DeadLetter.State, by: str) -> None:
    waiting = DeadLetter.objects.filter(id=letter.id, state=DeadLetter.State.WAITING)
    if not waiting.update(state=state, handled_at=timezone.now(), handled_by=by):
        raise Refusal(CONFLICT, ALREADY_HANDLED)
