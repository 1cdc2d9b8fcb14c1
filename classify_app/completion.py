"""The way out: records become finished rows, once each; whatever comes again changes nothing."""

import base64
import binascii
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from classify_app.models import Classification, State
from project.contract import MAX_THUMBNAIL_BYTES, ContractError, Record


def complete(record: Record) -> bool:
    """Finish the row of a record if it is still queued; return whether it was. Raises ContractError."""
    document = asdict(record)
    document.pop("thumbnail")
    try:
        id, finished_at = UUID(record.id), datetime.fromisoformat(record.finished_at)
        thumbnail = base64.b64decode(record.thumbnail, validate=True)
    except (ValueError, binascii.Error) as error:
        raise ContractError(f"a record with a bad id, time or thumbnail: {error}") from error
    if len(thumbnail) > MAX_THUMBNAIL_BYTES:
        raise ContractError(f"a thumbnail of {len(thumbnail)} bytes")
    changed = Classification.objects.filter(id=id, state=State.QUEUED).update(
        state=record.state,
        label=record.label,
        confidence=record.confidence,
        model=record.model,
        weights=record.weights,
        fallback=record.fallback,
        error_code=record.error_code,
        error=record.error,
        record=document,
        thumbnail=thumbnail or None,
        finished_at=finished_at if finished_at.tzinfo else timezone.make_aware(finished_at),
    )
    return changed == 1


def complete_all(records: list[Record]) -> int:
    """Finish the rows of records in one transaction; return how many were still queued."""
    with transaction.atomic():
        return sum(complete(record) for record in records)
