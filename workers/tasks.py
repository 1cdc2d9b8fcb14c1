"""The only task: fetch a picture, classify it and return its record, which the result backend stores and announces."""

import base64
from datetime import UTC, datetime
from typing import Any

import structlog
from celery import Task
from celery.worker.request import Request

from project import contract
from project.aws import clients as aws
from project.aws import storage
from project.broker.celery import app
from project.broker.transport import SUSPICIOUS, receives, retry_later
from project.contract import DONE, FAILED, Record
from project.pictures import MISSING, BadPicture
from workers.isolation import ChildUnavailable, isolated
from workers.pausing import pause
from workers.pipeline import Outcome, pipeline

log = structlog.get_logger()


NO_FAULT_OF_THE_PICTURE = (*aws.ERRORS, ChildUnavailable)


class ClassifyRequest(Request):
    """One delivery of the task's message."""

    def on_failure(self, exc_info: Any, *args: Any, **options: Any) -> Any:
        """Log why an attempt failed; its message comes again. Called as well for errors of the result backend."""
        error = getattr(exc_info.exception, "exc", exc_info.exception)  # Celery wraps some
        log.warning("attempt failed, the message comes again", id=self.id, reason=aws.explain(error))
        if _is_one_of(NO_FAULT_OF_THE_PICTURE, exc_info, error):
            retry_later(self.message)
        if _is_one_of(aws.ERRORS, exc_info, error):
            pause().begin(error)
        return super().on_failure(exc_info, *args, **options)


def _is_one_of(classes: tuple[type[Exception], ...], exc_info: Any, error: Exception) -> bool:
    # Celery replaces errors that can't be pickled, such as time-outs over HTTPS, and classes, such as boto3's own.
    return isinstance(error, classes) or issubclass(exc_info.type, classes)


class ClassifyTask(Task):
    Request = ClassifyRequest
    throws = aws.ERRORS  # Celery then logs no traceback for these


@app.task(name=contract.TASK_NAME, bind=True, base=ClassifyTask)
def classify(task: Any, **arguments: Any) -> Record:
    """Return the record of one picture. A bad picture's record has the state failed; it is not an error of the task.

    Raises ContractError for wrong arguments, an AWS error if S3 is unavailable, and any error of the forward pass.
    """
    request = contract.request_of(arguments)
    started_at = _now()
    file_name = ""
    try:
        content, file_name = _fetch(request)
        found = _found(_classify(content, is_suspicious(task.request)))
    except BadPicture as bad:
        found = {"state": FAILED, "error_code": bad.code, "error": str(bad)}
    except MemoryError as error:
        # Celery would neither acknowledge nor reject the message.
        raise RuntimeError("memory ran out") from error
    model, weights = pipeline().model, pipeline().weights
    return Record(
        id=request.id,
        input_key=request.input_key,
        file_name=file_name,
        model=model.name,
        weights=weights,
        fallback=model.fallback,
        started_at=started_at,
        finished_at=_now(),
        worker=task.request.hostname,
        **found,
    )


def is_suspicious(request: Any) -> bool:
    """Return whether the picture of a task's request may have crashed a worker: its message was received before."""
    return bool(request.get(SUSPICIOUS)) or receives(request.properties["delivery_info"]["sqs_message"]) > 1


def _classify(content: bytes, suspicious: bool) -> Outcome:
    return isolated().classify(content) if suspicious else pipeline().classify(content)


def _fetch(request: contract.Request) -> tuple[bytes, str]:
    try:
        return storage.get_picture(request.input_key)
    except storage.PictureMissing as error:
        raise BadPicture(MISSING, "The picture is no longer in the input bucket.") from error


def _found(outcome: Outcome) -> dict[str, Any]:
    return {
        "state": DONE,
        "label": outcome.top5[0].label,
        "confidence": outcome.top5[0].confidence,
        "top5": outcome.top5,
        "width": outcome.header.width,
        "height": outcome.header.height,
        "format": outcome.header.format,
        "thumbnail": base64.b64encode(outcome.thumbnail).decode(),
    }


def _now() -> str:
    return datetime.now(UTC).isoformat()
