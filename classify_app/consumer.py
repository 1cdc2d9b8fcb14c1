"""The results consumer: response queue to rows. Deletes a message only after its row is committed."""

from typing import TYPE_CHECKING

import structlog
from django.db import Error as DatabaseError
from django.db import connection

from classify_app.completion import complete, complete_all
from classify_app.stopping import Stop
from project import responses
from project.aws import ERRORS, explain
from project.backoff import Backoff
from project.contract import ContractError, Record, record_of

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageTypeDef

log = structlog.get_logger()


def consume(stop: Stop) -> None:
    """Consume until stopped. While the database is away nothing is received, so nothing is received too often."""
    log.info("consuming results")
    backoff = Backoff()
    while not stop:
        if _database_answers() and _consume_once():
            backoff.reset()
        else:
            stop.wait(backoff.seconds())
    log.info("stopped")


def _consume_once() -> bool:
    """Receive, write, delete; return whether all went well."""
    messages: list[MessageTypeDef] = []
    try:
        # A stop waits for the poll's end: SQS hands messages to an abandoned poll, and so hides them from the others.
        messages = responses.receive()
        responses.delete(settle(messages))
    except ERRORS as error:
        log.warning("SQS away, trying again", reason=explain(error))
        return False
    except DatabaseError as error:
        log.warning("results not written, they come again", count=len(messages), error=str(error))
        return False
    return True


def settle(messages: "list[MessageTypeDef]") -> "list[MessageTypeDef]":
    """Write the results of messages into their rows; return the messages that are done with."""
    readable: list[MessageTypeDef] = []
    records: list[Record] = []
    for message in messages:
        try:
            records.append(record_of(message["Body"]))
            readable.append(message)
        except ContractError as error:
            log.error("not an announcement, left to the dead-letter queue", id=message["MessageId"], error=str(error))
    try:
        finished = complete_all(records)
    except ContractError:
        # Rare, so only now one by one: a bad record must not hold up its neighbours.
        return [message for message, record in zip(readable, records, strict=True) if _settled_alone(record)]
    if records:
        log.info("results written", received=len(records), finished=finished)
    return readable


def _settled_alone(record: Record) -> bool:
    try:
        complete(record)
    except ContractError as error:
        log.error("not a record, left to the dead-letter queue", id=record.id, error=str(error))
        return False
    return True


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        log.warning("database away, not receiving", error=str(error))
        connection.close()
        return False
    return True
