"""The dead-letter consumer: moves each dead-lettered message into a row.

A dead request says nothing about its picture: workers may have died, or AWS failed, for reasons of their own. So its
classification stays queued and the sweeper redrives it, with growing pauses, for AUTOMATIC_REDRIVES. Then it fails.

The messages are kept in rows because receiving from a queue hides them from others. A message is deleted only after its
row is committed. If it is received again, only its receive count changes.
"""

import json
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

import structlog
from django.template.defaultfilters import pluralize
from django.utils import timezone

from classify_app.models import DEAD_LETTER, Classification, DeadLetter, State, without_thumbnails
from classify_app.results.completion import complete
from classify_app.results.polling import poll
from project import env
from project.aws import storage
from project.broker.task import request_in
from project.contract import ContractError, record_of
from project.stopping import Stop

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageTypeDef

log = structlog.get_logger()

MAX_CAUSE = 500  # characters; an error may quote the message, which can be long

AUTOMATIC_REDRIVES = timedelta(hours=24)
"""How long after its first dead letter a classification is tried again by itself."""

GIVEN_UP = "The picture could not be classified: all attempts of 24 hours failed. It may be tried again later."

FIRST_PAUSE, MAX_PAUSE = timedelta(minutes=1), timedelta(hours=1)
"""The pause before the first automatic redrive, and the longest. Each is four times the one before."""


def consume(stop: Stop) -> None:
    """Consume until stopped."""
    log.info("consuming dead letters")
    web = env.web()
    settles = {
        web.request_dead_letter_queue_url: partial(settle, DeadLetter.Queue.REQUESTS),
        web.response_dead_letter_queue_url: partial(settle, DeadLetter.Queue.RESPONSES),
    }
    poll(stop, settles)


def settle(queue: DeadLetter.Queue, messages: "list[MessageTypeDef]") -> "list[MessageTypeDef]":
    """Move messages into rows; return all of them, because a row can store any message."""
    for message in messages:
        _store(queue, message)
    return messages


def _store(queue: DeadLetter.Queue, message: "MessageTypeDef") -> None:
    receives = int(message["Attributes"]["ApproximateReceiveCount"])
    stored = DeadLetter.objects.filter(queue=queue, message_id=message["MessageId"])
    if stored.update(receives=receives, last_seen=timezone.now()):
        return
    settle_body = _retry_request if queue == DeadLetter.Queue.REQUESTS else _recover_announcement
    # Before the letter is created: after a crash in between, a repeat finds the classification as it is now.
    classification, cause, redrive_at = settle_body(message["Body"], receives - 1)
    letter = DeadLetter.objects.create(
        queue=queue,
        message_id=message["MessageId"],
        body=message["Body"],
        cause=_storable(cause)[:MAX_CAUSE],
        receives=receives,
        classification=classification,
        redrive_at=redrive_at,
    )
    log.warning("dead letter stored", letter=letter.pk, queue=queue.value, cause=letter.cause)


Settled: TypeAlias = tuple[Classification | None, str, datetime | None]
"""A message's classification, the reason why it was dead-lettered, and when it is to be redriven by itself."""


def _retry_request(body: str, attempts: int) -> Settled:
    try:
        id = request_in(body).id
    except ContractError as error:
        return None, f"The message can't be read: {error}.", None
    row = _row(id)
    if row is None:
        return None, _unknown(id), None
    cause = f"{attempts} attempt{pluralize(attempts)} failed; see the worker's log for the reason."
    return row, cause, _finish(row, GIVEN_UP, _next_redrive(row))


def _next_redrive(row: Classification) -> datetime | None:
    """Return when a new letter of a classification is redriven by itself, or None after AUTOMATIC_REDRIVES."""
    letters = row.dead_letters.filter(queue=DeadLetter.Queue.REQUESTS).order_by("first_seen")
    seen = list(letters.values_list("first_seen", flat=True))
    now = timezone.now()
    if seen and seen[0] < now - AUTOMATIC_REDRIVES:
        return None
    pause: timedelta = min(FIRST_PAUSE * 4 ** min(len(seen), 10), MAX_PAUSE)
    return now + pause


def _recover_announcement(body: str, receives: int) -> Settled:
    """Write the announced result, or else the stored one."""
    try:
        record = record_of(body)
        complete(record)
    except ContractError as error:
        row = _classification_named_in(body)
        if row is not None:
            _finish(row, "The picture was classified, but the result can't be read. It may be tried again later.")
        return row, f"The message can't be read: {error}.", None
    row = _row(record.id)
    if row is None:
        return None, _unknown(record.id), None
    cause = f"Received {receives} time{pluralize(receives)} without being written; the result is written now."
    return row, cause, None


def _finish(row: Classification, error: str, redrive_at: datetime | None = None) -> datetime | None:
    """Complete a queued row from its stored record. Without one leave it queued until `redrive_at`, or fail it.

    Returns `redrive_at` if the row stays queued, else None.
    """
    if row.state != State.QUEUED:
        return None
    try:
        stored = storage.get_record(str(row.id))
        if stored is not None:
            complete(stored)
            return None
        if redrive_at is not None:
            return redrive_at
    except ContractError as unreadable:
        log.error("stored result can't be read", id=str(row.id), error=str(unreadable))
    fail(row, error)
    return None


def fail(row: Classification, error: str) -> None:
    """End a queued row as failed, with the code DEAD_LETTER; a later result replaces that."""
    Classification.objects.filter(id=row.id, state=State.QUEUED).update(
        state=State.FAILED, error_code=DEAD_LETTER, error=error, finished_at=timezone.now()
    )


def _classification_named_in(body: str) -> Classification | None:
    """Return the classification whose id an unreadable announcement names, if any."""
    try:
        return _row(json.loads(body)["id"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _row(id: object) -> Classification | None:
    try:
        return without_thumbnails().filter(id=UUID(str(id))).first()
    except ValueError:
        return None


def _unknown(id: object) -> str:
    return f"There is no classification {id}."


def _storable(text: str) -> str:
    """Return text without NULs and lone surrogates: PostgreSQL refuses them, and JSON can escape them."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
