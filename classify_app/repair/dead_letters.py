"""The dead-letter consumer: each message that died becomes a row, and its classification ends as failed.

A row and not the queue is what people look at, since reading a queue hides what is in it. Deletes a message only
after its row is committed; a message that comes again changes nothing but the count of its receives.
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

MAX_CAUSE = 500  # characters; an error may quote the message


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
    """Move messages into rows; return all of them, since whatever is in a message can be kept."""
    for message in messages:
        _keep(queue, message)
    return messages


def _keep(queue: DeadLetter.Queue, message: "MessageTypeDef") -> None:
    receives = int(message["Attributes"]["ApproximateReceiveCount"])
    kept = DeadLetter.objects.filter(queue=queue, message_id=message["MessageId"])
    if kept.update(receives=receives, last_seen=timezone.now()):
        return
    end = _end_request if queue == DeadLetter.Queue.REQUESTS else _end_announcement
    # Before the letter: a crash in between only repeats, and then the classification is found ended.
    classification, cause = end(message["Body"], receives - 1)
    letter = DeadLetter.objects.create(
        queue=queue,
        message_id=message["MessageId"],
        body=message["Body"],
        cause=_storable(cause)[:MAX_CAUSE],
        receives=receives,
        classification=classification,
    )
    log.warning("dead letter kept", letter=letter.pk, queue=queue.value, cause=letter.cause)


def _end_request(body: str, attempts: int) -> tuple[Classification | None, str]:
    """End the classification that a request asked for; return it, and why the request died."""
    try:
        id = request_in(body).id
    except ContractError as error:
        return None, f"It can't be read: {error}."
    row = _row(id)
    if row is None:
        return None, _unknown(id)
    failed = f"{attempts} attempt{pluralize(attempts)} failed"
    _end(row, f"The picture could not be classified: {failed}. It may be tried again later.")
    return row, f"{failed}; the worker's log says why."


def _end_announcement(body: str, receives: int) -> tuple[Classification | None, str]:
    """Take an announcement's result, or the stored one; return the classification, and why the announcement died."""
    try:
        record = record_of(body)
        complete(record)
    except ContractError as error:
        row = _named_in(body)
        if row is not None:
            _end(row, "The picture was looked at, but the result could not be read. It may be tried again later.")
        return row, f"It can't be read: {error}."
    row = _row(record.id)
    if row is None:
        return None, _unknown(record.id)
    return row, f"It was received {receives} time{pluralize(receives)} and not written; now its result is taken."


def _end(row: Classification, error: str) -> None:
    """Finish a row that is queued: by its stored record where that can be taken, else as failed."""
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


def _named_in(body: str) -> Classification | None:
    """Return the classification that an announcement names, although the rest of it can't be read."""
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
    """Return text as the database takes it. A message's JSON may spell NUL or half a character; its body can't."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
