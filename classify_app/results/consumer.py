"""The results consumer: response queue to database. A message is deleted only after its row is committed."""

from typing import TYPE_CHECKING

import structlog

from classify_app.results.completion import complete, complete_all
from classify_app.results.polling import poll
from project import env
from project.contract import ContractError, Record, record_of
from project.stopping import Stop

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageTypeDef

log = structlog.get_logger()


def consume(stop: Stop) -> None:
    """Write results until stopped."""
    log.info("consuming results")
    poll(stop, {env.aws().response_queue_url: settle})


def settle(messages: "list[MessageTypeDef]") -> "list[MessageTypeDef]":
    """Write the results of messages into their rows; return the messages to delete."""
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
        # One bad record must not block the others. It is rare, so they are written one by one only in this case.
        return [message for message, record in zip(readable, records, strict=True) if _settle_one(record)]
    if records:
        log.info("results written", received=len(records), finished=finished)
    return readable


def _settle_one(record: Record) -> bool:
    try:
        complete(record)
    except ContractError as error:
        log.error("not a record, left to the dead-letter queue", id=record.id, error=str(error))
        return False
    return True
