"""A worker's startup: load the model, warm it up and check the settings before the first receive."""

from typing import Any

import structlog
from celery import bootsteps

from project import env
from project.aws.clients import quick_sqs, sqs
from project.aws.startup import call_until_available, check_aws
from workers.pipeline import pipeline

log = structlog.get_logger()

BATCHES_HELD = 2  # held_messages is two full batches for each model thread
FETCH_SECONDS = 10  # allowance for fetching, decoding, storing and announcing


class ModelStep(bootsteps.StartStopStep):
    """Loads the model before the consumer connects, and sets `worker.visibility_timeout` for later steps."""

    def start(self, worker: Any) -> None:
        check_aws()
        quick_sqs()  # ahead of the first announcement, which would wait for it
        batch_seconds = pipeline().warm_up()
        worker.visibility_timeout = call_until_available("REQUEST_QUEUE_URL", request_visibility_timeout)
        check_held(batch_seconds, worker.visibility_timeout)
        log.info(
            "ready to take pictures",
            held_messages=env.worker().held_messages,
            batch_seconds=round(batch_seconds, 3),
            visibility_timeout=worker.visibility_timeout,
        )


def request_visibility_timeout() -> int:
    """Return the request queue's visibility timeout in seconds."""
    answer = sqs().get_queue_attributes(QueueUrl=env.aws().request_queue_url, AttributeNames=["VisibilityTimeout"])
    return int(answer["Attributes"]["VisibilityTimeout"])


def check_held(batch_seconds: float, visibility_timeout: int) -> None:
    """Raise ConfigurationError if a message's visibility timeout could expire while this worker holds it.

    batch_seconds: time of a full batch. visibility_timeout: the request queue's, in seconds.
    """
    held_seconds = BATCHES_HELD * batch_seconds + FETCH_SECONDS
    if held_seconds >= visibility_timeout / 2:
        raise env.ConfigurationError(
            f"MAX_BATCH_SIZE={env.worker().max_batch_size} makes this worker hold a message for {held_seconds:.0f} s, "
            f"which is more than half of the request queue's visibility timeout of {visibility_timeout} s. "
            "Choose a smaller batch or a longer visibility timeout."
        )
