"""The outbox: rows whose message is still to be sent, by a thread of this process, up to ten a call.

What it can't send keeps its `submitted_at` empty, and `manage.py resubmit_stale` sends it.
"""

import atexit
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import structlog
from django.db import Error as DatabaseError
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from classify_app.models import Classification
from classify_app.threads import give_connection_back
from project import contract, env
from project.aws.clients import ERRORS, explain
from project.aws.queues import MAX_MESSAGES, SEND_LINGER_SECONDS, SendError
from project.batching import Batcher, log_failure
from project.broker.celery import app

log = structlog.get_logger()

LATER = "message not sent or not marked as sent, resubmit_stale will send it"
FLUSH_SECONDS = 8.0  # A process that is asked to stop is killed after ten.


@dataclass(frozen=True)
class Waiting:
    """A request to be sent, and since when by the monotonic clock."""

    request: contract.Request
    since: float


def expecting() -> AbstractContextManager[None]:
    """Say that a row is about to be put: messages that are ready then wait for it for a moment."""
    return batcher.expecting()


def put(row: Classification) -> None:
    """Let a committed row's message be sent soon."""
    batcher.submit(Waiting(_request(row), time.monotonic())).add_done_callback(log_failure)


def flush(seconds: float = FLUSH_SECONDS) -> None:
    """Wait until all that was put is sent, or can't be."""
    batcher.drain(seconds)


def close() -> None:
    """Send what still waits, and take no more: the end of a process."""
    if not batcher.close(FLUSH_SECONDS):
        log.warning("stopped with messages unsent, resubmit_stale will send them")


def send(rows: Sequence[Classification]) -> int:
    """Send the messages of rows and set their `submitted_at`; return how many were sent and marked."""
    return _send([_request(row) for row in rows])


def warm_up() -> None:
    """Make the client that the first message would otherwise wait for; asks nothing of the network."""
    with app.producer_pool.acquire(block=True) as producer:
        producer.channel.sqs(queue=app.conf.task_default_queue)


def _send_waiting(batch: list[Waiting]) -> list[None]:
    # The sweeper takes what is older, so while SQS is away no more than that gathers here.
    since = time.monotonic() - env.web().stale_after_seconds
    fresh = [waiting.request for waiting in batch if waiting.since > since]
    if len(fresh) < len(batch):
        log.error("messages waited too long, resubmit_stale will send them", count=len(batch) - len(fresh))
    try:
        _send(fresh)
    finally:
        give_connection_back()
    return [None] * len(batch)


def _request(row: Classification) -> contract.Request:
    return contract.Request(id=str(row.id), input_key=row.input_key)


def _send(requests: Sequence[contract.Request]) -> int:
    try:
        errors = _publish(requests)
        sent = [request.id for request in requests if request.id not in errors]
        Classification.objects.filter(id__in=sent).update(submitted_at=timezone.now())
    except (BrokerError, DatabaseError, *ERRORS) as error:
        for request in requests:
            log.error(LATER, id=request.id, reason=explain(error))
        return 0
    for id, refusal in errors.items():
        log.error(LATER, id=id, reason=explain(refusal))
    return len(sent)


def _publish(requests: Sequence[contract.Request]) -> dict[str, SendError]:
    """Send the tasks of requests; return, by their ids, the errors of those that were not sent."""
    with app.producer_pool.acquire(block=True) as producer:
        with producer.channel.collecting() as published:
            for request in requests:
                app.send_task(contract.TASK_NAME, kwargs=request.arguments(), task_id=request.id, producer=producer)
        errors: dict[str, SendError] = producer.channel.send_collected(published)
    return errors


batcher = Batcher(_send_waiting, max_batch_size=MAX_MESSAGES, max_wait_seconds=SEND_LINGER_SECONDS, name="outbox")
atexit.register(close)
