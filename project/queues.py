"""The queues that are read without Celery: announcements out, messages of any queue in, ten at a time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from project import env
from project.aws import sqs
from project.contract import Record, announcement

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageTypeDef

log = structlog.get_logger()

MAX_MESSAGES = 10  # SQS hands over at most 10 messages a call.


def announce(record: Record) -> None:
    send(env.aws().response_queue_url, announcement(record))


def send(url: str, body: str) -> None:
    sqs().send_message(QueueUrl=url, MessageBody=body)


def receive(url: str, wait_seconds: int | None = None) -> "list[MessageTypeDef]":
    """Receive up to MAX_MESSAGES, waiting for the first as long as is configured."""
    answer = sqs().receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=MAX_MESSAGES,
        WaitTimeSeconds=env.aws().long_poll_seconds if wait_seconds is None else wait_seconds,
        MessageSystemAttributeNames=["ApproximateReceiveCount"],
    )
    return answer.get("Messages", [])


def delete(url: str, messages: "Sequence[MessageTypeDef]") -> None:
    """Delete what `receive` handed over; what can't be deleted comes again and changes nothing then."""
    if not messages:
        return
    answer = sqs().delete_message_batch(
        QueueUrl=url,
        Entries=[
            {"Id": str(position), "ReceiptHandle": message["ReceiptHandle"]}
            for position, message in enumerate(messages)
        ],
    )
    for failure in answer.get("Failed", []):
        log.warning("message not deleted, it will come again", queue=url, code=failure["Code"])
