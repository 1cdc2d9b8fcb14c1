"""A worker's startup: check AWS, load the model and warm it up before the first receive."""

from typing import Any

import structlog
from celery import bootsteps

from project import env
from project.aws.clients import quick_sqs, sqs
from project.aws.startup import call_until_available, check_aws
from workers.pipeline import RESULT_SECONDS, pipeline

log = structlog.get_logger()

BATCHES_HELD = 2  # held_messages is two full batches for each model thread


class ModelStep(bootsteps.StartStopStep):
    """Loads the model before the consumer connects, and sets `worker.visibility_timeout` for later steps."""

    def start(self, worker: Any) -> None:
        check_aws()
        quick_sqs()  # ahead of the first announcement, which would wait for it
        batch_seconds = pipeline().warm_up()
        check_batch(batch_seconds)
        worker.visibility_timeout = call_until_available("REQUEST_QUEUE_URL", request_visibility_timeout)
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


def check_batch(seconds: float) -> None:
    """Raise ConfigurationError if a picture may wait for its batches longer than RESULT_SECONDS.

    seconds: time of a full batch.
    """
    if BATCHES_HELD * seconds >= RESULT_SECONDS:
        raise env.ConfigurationError(
            f"MAX_BATCH_SIZE={env.worker().max_batch_size}: a full batch takes {seconds:.0f} s. A picture may wait for "
            f"{BATCHES_HELD} of them, but for {RESULT_SECONDS} s at most. Choose a smaller batch."
        )
