"""SQS queues without Celery: send, receive and delete up to ten messages per call."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from project import env
from project.aws.clients import ERRORS, sqs

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import BatchResultErrorEntryTypeDef, MessageTypeDef

log = structlog.get_logger()

MAX_MESSAGES = 10  # SQS sends, receives and deletes at most 10 messages per call.
MAX_BATCH_BYTES = 256 * 1024  # SQS's limit for all messages of a call together
SEND_LINGER_SECONDS = 0.05  # how long a send waits for others that are announced, to share its call

SendError = ClientError | BotoCoreError


def name_of(url: str) -> str:
    """Return a queue's name, the last part of its URL."""
    return url.rpartition("/")[2]


def send(url: str, body: str) -> None:
    """Send one message. Raises one of project.aws.clients.ERRORS."""
    sqs().send_message(QueueUrl=url, MessageBody=body)


def send_all(client: "SQSClient", url: str, bodies: Sequence[str], delay_seconds: int = 0) -> list[SendError | None]:
    """Send messages in as few calls as possible, to be received after `delay_seconds`.

    Returns for each its error, or None if it was sent.
    """
    return [error for batch in _batches(bodies) for error in _send_batch(client, url, batch, delay_seconds)]


def _batches(bodies: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    free_bytes = MAX_BATCH_BYTES
    for body in bodies:
        size = len(body.encode(errors="surrogatepass"))
        if batch and (size > free_bytes or len(batch) == MAX_MESSAGES):
            yield batch
            batch, free_bytes = [], MAX_BATCH_BYTES
        batch.append(body)
        free_bytes -= size
    if batch:
        yield batch


def _send_batch(client: "SQSClient", url: str, bodies: list[str], delay_seconds: int) -> list[SendError | None]:
    delay = {"DelaySeconds": delay_seconds} if delay_seconds else {}
    entries: list[Any] = [{"Id": str(position), "MessageBody": body, **delay} for position, body in enumerate(bodies)]
    try:
        answer = client.send_message_batch(QueueUrl=url, Entries=entries)
    except ERRORS as error:
        return [error] * len(bodies)
    errors = {failure["Id"]: _error(failure) for failure in answer.get("Failed", [])}
    return [errors.get(entry["Id"]) for entry in entries]


def _error(failure: "BatchResultErrorEntryTypeDef") -> ClientError:
    """Return the failure of one message of a batch as the error of a single send."""
    return ClientError({"Error": {"Code": failure["Code"], "Message": failure.get("Message", "")}}, "SendMessageBatch")


def is_empty(url: str) -> bool:
    """Tell whether a queue has no message, neither visible nor in flight nor delayed. SQS counts approximately."""
    counts = sqs().get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return not (
        int(counts["ApproximateNumberOfMessages"])
        + int(counts["ApproximateNumberOfMessagesNotVisible"])
        + int(counts["ApproximateNumberOfMessagesDelayed"])
    )


def receive(url: str, wait_seconds: int | None = None) -> "list[MessageTypeDef]":
    """Receive up to MAX_MESSAGES by a long poll of `wait_seconds`, by default LONG_POLL_SECONDS.

    Raises one of project.aws.clients.ERRORS.
    """
    answer = sqs().receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=MAX_MESSAGES,
        WaitTimeSeconds=env.aws().long_poll_seconds if wait_seconds is None else wait_seconds,
        MessageSystemAttributeNames=["ApproximateReceiveCount"],
    )
    return answer.get("Messages", [])


def delete(url: str, messages: "Sequence[MessageTypeDef]") -> None:
    """Delete received messages. One that SQS fails to delete is delivered again, which is harmless.

    Raises one of project.aws.clients.ERRORS if the whole call fails.
    """
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
        log.warning("message not deleted, SQS will deliver it again", queue=url, code=failure["Code"])
