"""API tokens: made, shown once, recognised by their digest, revoked."""

import hashlib
import secrets
from datetime import UTC, date, datetime, time, timedelta

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils import timezone

from classify_app.models import ApiToken

PREFIX = "eir_"
"""Lets people, and programs that look for leaked secrets, see what it is."""

READ, WRITE = SCOPES = ("read", "write")
USE_NOTED_EVERY = timedelta(hours=1)


def create_token(user: User, name: str, scopes: list[str], last_day: date | None = None) -> tuple[ApiToken, str]:
    """Return a new token's row and its text, which can't be had again. Raises ValidationError.

    It is valid to the end of `last_day` in UTC, or until it is revoked.
    """
    text = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken(
        user=user,
        name=name,
        digest=digest(text),
        beginning=text[:8],
        may_read=READ in scopes,
        may_write=WRITE in scopes,
        expires_at=last_day and datetime.combine(last_day, time.max, UTC),
    )
    row.full_clean()
    row.save()
    return row, text


def digest(text: str) -> str:
    # A token holds 256 random bits, so nothing slower than one hash is needed to keep it from being guessed.
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def valid_token(text: str) -> ApiToken | None:
    """Return the row of a token that may be used now, and note its use, to the hour."""
    now = timezone.now()
    usable = ApiToken.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None, user__is_active=True)
    row = usable.select_related("user").filter(digest=digest(text)).first()
    if row is not None and (row.last_used_at is None or row.last_used_at < now - USE_NOTED_EVERY):
        ApiToken.objects.filter(id=row.id).update(last_used_at=now)
    return row


def revoke(tokens: QuerySet[ApiToken]) -> int:
    """Revoke those of the tokens that aren't yet; return how many those were."""
    return tokens.filter(revoked_at=None).update(revoked_at=timezone.now())
