"""The check of AWS at startup: the buckets and queues exist, and this process may use them."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

import structlog

from project import env
from project.aws.clients import ERRORS, explain, lasting_reason, sqs
from project.aws.objects import list_no_folder
from project.backoff import Backoff

log = structlog.get_logger()

Response = TypeVar("Response")


def check_aws(wait: bool = True) -> None:
    """Check each bucket and queue. Raises ConfigurationError for a permanent error, such as a missing bucket.

    If AWS is unavailable, wait until it is available; with `wait=False` log it and return.
    """
    for name, call in _checks().items():
        if wait:
            call_until_available(name, call)
        else:
            _try(name, call)


def check_queues(urls: Mapping[str, str]) -> None:
    """Check queues, given by the names of their variables. Waits and raises as `check_aws` does."""
    for name, call in _queue_checks(urls).items():
        call_until_available(name, call)


def aws_is_available() -> bool:
    """Return whether every bucket and queue responds."""
    try:
        for call in _checks().values():
            call()
    except ERRORS as error:
        log.warning("AWS is still unavailable", reason=explain(error))
        return False
    return True


def call_until_available(name: str, call: Callable[[], Response]) -> Response:
    """Call AWS, again and again while it is unavailable; return its response.

    name: what to name in the message. Raises ConfigurationError for a permanent error.
    """
    backoff = Backoff()
    while (response := _try(name, call)) is None:
        time.sleep(backoff.seconds())
    return response


def _checks() -> dict[str, Callable[[], object]]:
    aws = env.aws()
    buckets = {"INPUT_BUCKET": aws.input_bucket, "OUTPUT_BUCKET": aws.output_bucket}
    # HeadBucket's errors have no body and so no error code.
    bucket_checks = {f"{name}={value}": partial(list_no_folder, value) for name, value in buckets.items()}
    return {**bucket_checks, **_queue_checks(aws.queue_urls)}


def _queue_checks(urls: Mapping[str, str]) -> dict[str, Callable[[], object]]:
    return {
        f"{name}={url}": partial(sqs().get_queue_attributes, QueueUrl=url, AttributeNames=["QueueArn"])
        for name, url in urls.items()
    }


def _try(name: str, call: Callable[[], Response]) -> Response | None:
    try:
        return call()
    except ERRORS as error:
        if reason := lasting_reason(error):
            raise env.ConfigurationError(f"{name} can't be used: {reason}.") from error
        log.warning("AWS is unavailable", checked=name, error=str(error))
        return None
