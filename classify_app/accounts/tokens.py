"""API tokens: create, verify by digest, revoke."""

import hashlib
import secrets
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from classify_app.models import ApiToken

PREFIX = "eir_"
"""Tells people and secret scanners what the text is."""

READ, WRITE = SCOPES = ("read", "write")
LAST_USE_PRECISION = timedelta(hours=1)
"""`last_used_at` is written no more often than this, to save a database write on most requests."""

# Every request of the API asks this. As a query of Django it would take six times the CPU time.
USABLE = f"""
SELECT token.*, owner.username, owner.is_staff
FROM {ApiToken._meta.db_table} AS token JOIN {User._meta.db_table} AS owner ON owner.id = token.user_id
WHERE token.digest = %s AND token.revoked_at IS NULL AND owner.is_active"""  # noqa: S608 -- both names are the code's own


def create_token(user: User, name: str, scopes: list[str], last_day: date | None = None) -> tuple[ApiToken, str]:
    """Return a new token's row and its text, which is stored nowhere. Raises ValidationError.

    The token is valid until the end of `last_day` in UTC, or without limit if that is None.
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
    # A token has 256 random bits and can't be guessed, so no slow hash is needed.
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def valid_token(text: str) -> ApiToken | None:
    """Return a token's row if it is valid now, else None. Updates `last_used_at` once an hour."""
    now = timezone.now()
    row: Any = next(iter(ApiToken.objects.raw(USABLE, [digest(text)])), None)
    if row is None or (row.expires_at is not None and row.expires_at <= now):
        return None
    # Its other fields are read when a thread asks for them.
    row.user = User.from_db(row._state.db, ("id", "username", "is_staff"), (row.user_id, row.username, row.is_staff))
    if row.last_used_at is None or row.last_used_at < now - LAST_USE_PRECISION:
        ApiToken.objects.filter(id=row.id).update(last_used_at=now)
    token: ApiToken = row
    return token


def revoke(tokens: QuerySet[ApiToken]) -> int:
    """Revoke the tokens that are not yet revoked; return their number."""
    return tokens.filter(revoked_at=None).update(revoked_at=timezone.now())
