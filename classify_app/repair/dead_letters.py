"""The dead-letter consumer: moves each dead-lettered message into a row and finishes its classification as failed.

The messages are kept in rows because receiving from a queue hides them from others. A message is deleted only after its
row is committed. If it is received again, only its receive count changes.
"""

import json
from functools import partial
from typing import TYPE_CHECKING
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
    finish = _fail_request if queue == DeadLetter.Queue.REQUESTS else _recover_announcement
    # Before the letter is created: after a crash in between, a repeat finds the classification finished.
    classification, cause = finish(message["Body"], receives - 1)
    letter = DeadLetter.objects.create(
        queue=queue,
        message_id=message["MessageId"],
        body=message["Body"],
        cause=_storable(cause)[:MAX_CAUSE],
        receives=receives,
        classification=classification,
    )
    log.warning("dead letter stored", letter=letter.pk, queue=queue.value, cause=letter.cause)


def _fail_request(body: str, attempts: int) -> tuple[Classification | None, str]:
    """Finish a request's classification; return it with the reason why the request was dead-lettered."""
    try:
        id = request_in(body).id
    except ContractError as error:
        return None, f"The message can't be read: {error}."
    row = _row(id)
    if row is None:
        return None, _unknown(id)
    failed = f"{attempts} attempt{pluralize(attempts)} failed"
    _finish(row, f"The picture could not be classified: {failed}. It may be tried again later.")
    return row, f"{failed}; see the worker's log for the reason."


def _recover_announcement(body: str, receives: int) -> tuple[Classification | None, str]:
    """Write the announced result, or else the stored one.

    Returns the classification and the reason why the announcement was dead-lettered.
    """
    try:
        record = record_of(body)
        complete(record)
    except ContractError as error:
        row = _classification_named_in(body)
        if row is not None:
            _finish(row, "The picture was classified, but the result can't be read. It may be tried again later.")
        return row, f"The message can't be read: {error}."
    row = _row(record.id)
    if row is None:
        return None, _unknown(record.id)
    return row, f"Received {receives} time{pluralize(receives)} without being written; the result is written now."


def _finish(row: Classification, error: str) -> None:
    """Finish a queued row: with its stored record if there is a valid one, else as failed."""
    if row.state != State.QUEUED:
        return
    try:
        stored = storage.get_record(str(row.id))
        if stored is not None:
            complete(stored)
            return
    except ContractError as unreadable:
        log.error("stored result can't be read", id=str(row.id), error=str(unreadable))
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
