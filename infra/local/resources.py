"""The buckets and queues of a local stack, made by boto3 as Terraform makes them in AWS."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3

from project.contract import VISIBILITY_TIMEOUT

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

INPUT_BUCKET = "recognition-input"
OUTPUT_BUCKET = "recognition-output"


@dataclass(frozen=True)
class Queue:
    """A queue; one with `max_receives` has a dead-letter queue, named after it."""

    name: str
    visibility_timeout: int
    max_receives: int | None = None
    retention: int = 14 * 24 * 3600

    @property
    def dead_letter_name(self) -> str:
        return f"{self.name}-dead-letters"


REQUESTS = Queue("recognition-requests", VISIBILITY_TIMEOUT, max_receives=5)
# Results are good whatever became of the database: only what no consumer can read ends as a dead letter.
RESPONSES = Queue("recognition-responses", 15, max_receives=100)
# Flower must not take a worker that is gone for one that lives.
EVENTS = Queue("recognition-events", 30, retention=300)


def create() -> None:
    """Create what isn't there yet, with the credentials and the endpoint of the environment."""
    s3: S3Client = boto3.client("s3")
    sqs: SQSClient = boto3.client("sqs")
    existing = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    for bucket in (INPUT_BUCKET, OUTPUT_BUCKET):
        if bucket not in existing:
            s3.create_bucket(Bucket=bucket)
    for queue in (REQUESTS, RESPONSES, EVENTS):
        _create_queue(sqs, queue)


def _create_queue(sqs: "SQSClient", queue: Queue) -> None:
    attributes = {
        "VisibilityTimeout": str(queue.visibility_timeout),
        "MessageRetentionPeriod": str(queue.retention),
    }
    if queue.max_receives:
        url = _set_queue(sqs, queue.dead_letter_name, {"MessageRetentionPeriod": str(queue.retention)})
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        redrive = {"deadLetterTargetArn": answer["Attributes"]["QueueArn"], "maxReceiveCount": queue.max_receives}
        attributes["RedrivePolicy"] = json.dumps(redrive)
    _set_queue(sqs, queue.name, attributes)


def _set_queue(sqs: "SQSClient", name: str, attributes: dict[str, str]) -> str:
    """Make a queue, or change one of an earlier version that a local stack has kept; return its URL."""
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)  # type: ignore[arg-type]
    return url


if __name__ == "__main__":
    create()
