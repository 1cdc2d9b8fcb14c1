"""Celery's result backend: store the record in S3, then announce it on the response queue.

Threads share calls for up to ten announcements, and each waits until SQS has confirmed its own. Celery acknowledges the
task's message last, so after a crash the task is repeated. A repeat is harmless: the record is written once, and the
stored record is the one that is announced.
"""

from typing import Any

import structlog
from celery import states
from celery.backends.base import BaseBackend

from project import contract, env
from project.aws import storage
from project.aws.clients import quick_sqs
from project.aws.queues import MAX_MESSAGES, SEND_LINGER_SECONDS, SendError, send_all
from project.batching import Batcher
from project.contract import Record, announcement

log = structlog.get_logger()


class RecordBackend(BaseBackend):
    """Stores and announces the records of successful tasks. A failed attempt stores nothing: SQS redelivers it."""

    def _store_result(self, task_id: str, result: Any, state: str, *_: Any, **__: Any) -> Any:
        if state != states.SUCCESS:
            return result
        # Announced to the batcher before the record is stored, so that others wait briefly and share the call.
        with announcer.expecting():
            stored = storage.put_record(result)
            announced = announcer.submit(announcement(stored))
        error = announced.result()
        if error is not None:
            raise error
        log.info(
            "classified",
            id=stored.id,
            state=stored.state,
            label=stored.label,
            model=stored.model,
            weights=stored.weights,
            error=stored.error_code or None,
        )
        return stored

    def _get_task_meta_for(self, task_id: str) -> dict[str, Any]:
        record: Record | None = storage.get_record(task_id)
        if record is None:
            return {"task_id": task_id, "status": states.PENDING, "result": None}
        return {"task_id": task_id, "status": states.SUCCESS, "result": record, "version": contract.VERSION}


def _send(announcements: list[str]) -> list[SendError | None]:
    return send_all(quick_sqs(), env.aws().response_queue_url, announcements)


announcer = Batcher(_send, max_batch_size=MAX_MESSAGES, max_wait_seconds=SEND_LINGER_SECONDS, name="announcer")
