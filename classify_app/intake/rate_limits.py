"""How often somebody may send pictures, or try a password. Counted by each web process for itself, in memory.

So `n` processes let through up to `n` times as much; what all of them share is bounded by the backlog.
"""

import math
import time

from django.http import HttpRequest
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from project import env
from project.refusals import Refusal

LOGINS_PER_MINUTE = 10
"""Tries of one name from one address."""

counts = MemoryStorage()
_limiter = MovingWindowRateLimiter(counts)


def address_of(request: HttpRequest) -> str:
    """Return the sender's address, which the server knows; behind a Unix socket all senders are one."""
    address: str = request.META.get("REMOTE_ADDR", "")
    return address


def take_upload(user_id: int) -> None:
    """Count a user's picture. Raises Refusal."""
    _take(env.web().rate_limit_uploads_per_minute, "upload", str(user_id))


def take_open_upload(address: str) -> None:
    """Count a picture that came without a token. Raises Refusal."""
    _take(env.web().rate_limit_open_per_minute, "open", address)


def take_login(address: str, username: str) -> None:
    """Count a try to log in. Raises Refusal."""
    _take(LOGINS_PER_MINUTE, "login", address, username.casefold()[:150])


def _take(per_minute: int, *who: str) -> None:
    if not per_minute:
        return
    limit = RateLimitItemPerMinute(per_minute)
    if not _limiter.hit(limit, *who):
        seconds = max(1, math.ceil(_limiter.get_window_stats(limit, *who).reset_time - time.time()))
        sentence = f"At most {per_minute:,} a minute are taken; please try again in {seconds} s."
        raise Refusal("rate_limited", sentence, seconds)
