"""The outbox: a thread of this process sends the messages of new rows, up to ten per call.

If a message can't be sent, its row's `submitted_at` stays empty and `manage.py resubmit_stale` sends it later.
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
from classify_app.threads import release_connection
from project import contract, env
from project.aws.clients import ERRORS, explain
from project.aws.queues import MAX_MESSAGES, SEND_LINGER_SECONDS, SendError
from project.batching import Batcher, log_failure
from project.broker.celery import app

log = structlog.get_logger()

NOT_SENT = "message not sent or not marked as sent, resubmit_stale will send it"
FLUSH_SECONDS = 8.0  # A stopping process is killed after ten seconds.


@dataclass(frozen=True)
class Pending:
    """A request that waits to be sent. `since` is a time of the monotonic clock, in seconds."""

    request: contract.Request
    since: float


def expecting() -> AbstractContextManager[None]:
    """Announce a `put` that follows soon, so that messages that are ready wait for it briefly and share its call."""
    return batcher.expecting()


def put(row: Classification) -> None:
    """Queue a committed row's message for sending."""
    batcher.submit(Pending(_request(row), time.monotonic())).add_done_callback(log_failure)


def flush(seconds: float = FLUSH_SECONDS) -> None:
    """Wait up to `seconds` until the outbox is empty: each message is sent or has failed."""
    batcher.drain(seconds)


def close() -> None:
    """Send the pending messages and accept no more. Called when the process ends."""
    if not batcher.close(FLUSH_SECONDS):
        log.warning("stopped before all messages were sent, resubmit_stale will send them")


def send(rows: Sequence[Classification]) -> int:
    """Send the messages of rows and set their `submitted_at`; return the number of rows for which both succeeded."""
    return _send([_request(row) for row in rows])


def warm_up() -> None:
    """Create the SQS client ahead of the first message. Sends no request."""
    with app.producer_pool.acquire(block=True) as producer:
        producer.channel.sqs(queue=app.conf.task_default_queue)


def _send_pending(batch: list[Pending]) -> list[None]:
    # The sweeper sends older messages, so while SQS is unavailable the outbox doesn't grow without limit.
    since = time.monotonic() - env.web().stale_after_seconds
    fresh = [pending.request for pending in batch if pending.since > since]
    if len(fresh) < len(batch):
        log.error("messages too old for the outbox, resubmit_stale will send them", count=len(batch) - len(fresh))
    try:
        _send(fresh)
    finally:
        release_connection()
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
            log.error(NOT_SENT, id=request.id, reason=explain(error))
        return 0
    for id, refusal in errors.items():
        log.error(NOT_SENT, id=id, reason=explain(refusal))
    return len(sent)


def _publish(requests: Sequence[contract.Request]) -> dict[str, SendError]:
    """Send the tasks of requests; return the errors of those that were not sent, keyed by request id."""
    with app.producer_pool.acquire(block=True) as producer:
        with producer.channel.collecting() as published:
            for request in requests:
                app.send_task(contract.TASK_NAME, kwargs=request.arguments(), task_id=request.id, producer=producer)
        errors: dict[str, SendError] = producer.channel.send_collected(published)
    return errors


batcher = Batcher(_send_pending, max_batch_size=MAX_MESSAGES, max_wait_seconds=SEND_LINGER_SECONDS, name="outbox")
atexit.register(close)
