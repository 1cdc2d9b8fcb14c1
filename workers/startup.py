"""A worker's start: the model is loaded and warmed, and the settings checked, before the first message is taken."""

from typing import Any

import structlog
from celery import bootsteps

from project import env
from project.aws.clients import quick_sqs, sqs
from project.aws.startup import call_until_available, check_aws
from workers.pipeline import pipeline

log = structlog.get_logger()

BATCHES_HELD = 2  # held_messages is two full batches for each model thread
FETCH_SECONDS = 10  # allowed for fetching and decoding, and for storing and announcing


class ModelStep(bootsteps.StartStopStep):
    """Loads the model before the consumer connects; leaves the queue's visibility timeout to whoever needs it."""

    def start(self, worker: Any) -> None:
        check_aws()
        quick_sqs()  # which the first announcement would otherwise wait for
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
    """Refuse to start where a message held by this worker could become visible again before it is done."""
    held_seconds = BATCHES_HELD * batch_seconds + FETCH_SECONDS
    if held_seconds >= visibility_timeout / 2:
        raise env.ConfigurationError(
            f"MAX_BATCH_SIZE={env.worker().max_batch_size} makes this worker hold a message for {held_seconds:.0f} s, "
            f"which is not less than half the request queue's visibility timeout of {visibility_timeout} s. "
            "Choose a smaller batch or a longer visibility timeout."
        )
