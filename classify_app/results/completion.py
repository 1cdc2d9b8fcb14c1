"""Write records into their rows. Each row is finished once; repeats change nothing."""

import base64
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DataError, IntegrityError, connection, transaction
from django.utils import timezone

from classify_app.models import AWAITS_RESULT, Classification
from project.contract import MAX_THUMBNAIL_BYTES, ContractError, Record

COLUMNS = (
    "state",
    "label",
    "confidence",
    "model",
    "weights",
    "fallback",
    "error_code",
    "error",
    "record",
    "thumbnail",
    "finished_at",
)
AWAITING = Classification.objects.filter(AWAITS_RESULT).query
CONDITION, CONDITION_PARAMETERS = AWAITING.get_compiler(connection=connection).compile(AWAITING.where)
# Django would build the statement anew for each record, with three times the CPU time.
UPDATE = f"""
UPDATE {Classification._meta.db_table} SET {", ".join(f"{column} = %s" for column in COLUMNS)}
WHERE id = %s AND {CONDITION}
"""  # noqa: S608 -- all names are the code's own
PARAMETERS: dict[str, Any] = {name: Classification._meta.get_field(name) for name in (*COLUMNS, "id")}


def complete(record: Record) -> bool:
    """Write a record into its row if that still awaits a result; return whether it did.

    Raises ContractError if the row can't store the record.
    """
    try:
        values = {**_values(record), "id": UUID(record.id)}
        with connection.cursor() as cursor:
            parameters = [field.get_db_prep_save(values[name], connection) for name, field in PARAMETERS.items()]
            cursor.execute(UPDATE, [*parameters, *CONDITION_PARAMETERS])
            changed: int = cursor.rowcount
    except (ValueError, OverflowError, DataError, IntegrityError) as error:
        # A bad id, time or thumbnail, or a value that the database refuses: too long, a NUL, a lone surrogate.
        raise ContractError(f"the row can't store this record: {error}") from error
    return changed == 1


def _values(record: Record) -> dict[str, Any]:
    document = record.document()
    thumbnail = base64.b64decode(document.pop("thumbnail"), validate=True)
    if len(thumbnail) > MAX_THUMBNAIL_BYTES:
        raise ContractError(f"a thumbnail of {len(thumbnail)} bytes")
    finished_at = datetime.fromisoformat(record.finished_at)
    return {
        "state": record.state,
        "label": record.label,
        "confidence": record.confidence,
        "model": record.model,
        "weights": record.weights,
        "fallback": record.fallback,
        "error_code": record.error_code,
        "error": record.error,
        "record": document,
        "thumbnail": thumbnail or None,
        "finished_at": finished_at if finished_at.tzinfo else timezone.make_aware(finished_at),
    }


def complete_all(records: list[Record]) -> int:
    """Write records into their rows in one transaction; return the number of rows that still awaited a result."""
    # In one order, so that two consumers with the same rows wait for each other instead of both for ever.
    with transaction.atomic():
        return sum(complete(record) for record in sorted(records, key=lambda record: record.id))
