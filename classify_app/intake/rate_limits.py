"""Rate limits for uploads and logins, counted in the memory of each web process.

So `n` processes allow up to `n` times as many. The backlog limit applies to all processes together.
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
"""Login attempts for one user name from one address."""

counts = MemoryStorage()
_limiter = MovingWindowRateLimiter(counts)


def address_of(request: HttpRequest) -> str:
    """Return the client's address as the server reports it. Behind a Unix socket it is empty for all clients."""
    address: str = request.META.get("REMOTE_ADDR", "")
    return address


def limit_uploads(user_id: int) -> None:
    """Count a user's upload. Raises Refusal above the limit."""
    _hit(env.web().rate_limit_uploads_per_minute, "upload", str(user_id))


def limit_anonymous_uploads(address: str) -> None:
    """Count an upload without a token. Raises Refusal above the limit."""
    _hit(env.web().rate_limit_open_per_minute, "open", address)


def limit_logins(address: str, username: str) -> None:
    """Count a login attempt. Raises Refusal above the limit."""
    _hit(LOGINS_PER_MINUTE, "login", address, username.casefold()[:150])


def _hit(per_minute: int, *key: str) -> None:
    if not per_minute:
        return
    limit = RateLimitItemPerMinute(per_minute)
    if not _limiter.hit(limit, *key):
        seconds = max(1, math.ceil(_limiter.get_window_stats(limit, *key).reset_time - time.time()))
        sentence = f"At most {per_minute:,} a minute are allowed; please try again in {seconds} s."
        raise Refusal("rate_limited", sentence, seconds)
