"""What every process checks of AWS when it starts: that its buckets and queues are there, and open to it."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

import structlog

from project import env
from project.aws.clients import ERRORS, explain, lasting_reason, s3, sqs
from project.backoff import Backoff

log = structlog.get_logger()

Answer = TypeVar("Answer")


def check_aws(patient: bool = True) -> None:
    """Ask for each bucket and queue. Ends the program with a sentence where one will not be had.

    While AWS is merely away a patient process waits for it; another one starts without.
    """
    for name, ask in _questions().items():
        if patient:
            patiently(name, ask)
        else:
            _try(name, ask)


def check_queues(urls: Mapping[str, str]) -> None:
    """Ask for queues, by the names of their variables; waits for AWS, and ends the program, as `check_aws` does."""
    for name, ask in _of_queues(urls).items():
        patiently(name, ask)


def aws_answers() -> bool:
    """Tell whether each bucket and queue can be asked for."""
    try:
        for ask in _questions().values():
            ask()
    except ERRORS as error:
        log.warning("AWS doesn't answer yet", reason=explain(error))
        return False
    return True


def patiently(name: str, ask: Callable[[], Answer]) -> Answer:
    """Return AWS's answer to a question, waiting for it. Ends the program with a sentence where it will not be had."""
    backoff = Backoff()
    while (answer := _try(name, ask)) is None:
        time.sleep(backoff.seconds())
    return answer


def _questions() -> dict[str, Callable[[], object]]:
    aws = env.aws()
    buckets = {"INPUT_BUCKET": aws.input_bucket, "OUTPUT_BUCKET": aws.output_bucket}
    # Not HeadBucket, whose errors have no body and so no code.
    of_buckets = {
        f"{name}={value}": partial(s3().list_objects_v2, Bucket=value, MaxKeys=1) for name, value in buckets.items()
    }
    return {**of_buckets, **_of_queues(aws.queue_urls)}


def _of_queues(urls: Mapping[str, str]) -> dict[str, Callable[[], object]]:
    return {
        f"{name}={url}": partial(sqs().get_queue_attributes, QueueUrl=url, AttributeNames=["QueueArn"])
        for name, url in urls.items()
    }


def _try(name: str, ask: Callable[[], Answer]) -> Answer | None:
    try:
        return ask()
    except ERRORS as error:
        if reason := lasting_reason(error):
            raise env.ConfigurationError(f"{name} can't be used: {reason}.") from error
        log.warning("AWS doesn't answer yet", asked_for=name, error=str(error))
        return None
