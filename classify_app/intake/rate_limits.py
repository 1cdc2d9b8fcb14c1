"""Rate limits for uploads and logins, counted in the memory of each web process.

So `n` processes allow up to `n` times as many. The backlog limit applies to all processes together.
"""

import ipaddress
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from django.db import Error as DatabaseError
from django.http import HttpRequest

from project import env
from project.refusals import Refusal

WINDOW_SECONDS = 60.0

LOGINS_PER_MINUTE = 10
"""Login attempts for one user name from one address."""

LOGINS_PER_ADDRESS_PER_MINUTE = 30
"""Login attempts from one address, whatever the user names: each costs a password hash."""


class Counts:
    """The times of the hits of the last minute, by key. Older ones are dropped, so memory is bounded by the traffic."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hits: OrderedDict[tuple[str, ...], deque[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._hits)

    def hit(self, key: tuple[str, ...], per_minute: int) -> float:
        """Count a hit and return 0, or count nothing and return the seconds until one is allowed."""
        now = time.monotonic()
        with self._lock:
            self._drop_expired(now)
            hits = self._hits.setdefault(key, deque())
            while hits and hits[0] <= now - WINDOW_SECONDS:
                hits.popleft()
            if len(hits) >= per_minute:
                return hits[0] + WINDOW_SECONDS - now
            hits.append(now)
            self._hits.move_to_end(key)
            return 0.0

    def take_back(self, key: tuple[str, ...]) -> None:
        """Forget the latest hit, if there is one."""
        with self._lock:
            hits = self._hits.get(key)
            if hits:
                hits.pop()
                if not hits:
                    del self._hits[key]

    def _drop_expired(self, now: float) -> None:
        while self._hits:
            key = next(iter(self._hits))  # the one whose last hit is the oldest
            if self._hits[key][-1] > now - WINDOW_SECONDS:
                return
            del self._hits[key]

    def reset(self) -> None:
        with self._lock:
            self._hits.clear()


counts = Counts()


def address_of(request: HttpRequest) -> str:
    """Return the client's address as the server reports it. Behind a Unix socket it is empty for all clients."""
    address: str = request.META.get("REMOTE_ADDR", "")
    return address


def limit_uploads(user_id: int) -> AbstractContextManager[None]:
    """Count a user's upload, and take the count back if the site fails or refuses it for now within the context.

    Raises Refusal above the limit, when called.
    """
    return _limit(env.web().rate_limit_uploads_per_minute, "upload", str(user_id))


def limit_anonymous_uploads(address: str) -> AbstractContextManager[None]:
    """Count an upload without a token as `limit_uploads` does, by its address."""
    return _limit(env.web().rate_limit_open_per_minute, "open", _network(address))


def _limit(per_minute: int, *key: str) -> AbstractContextManager[None]:
    _hit(per_minute, *key)
    return _taken_back_if_unavailable(key)


@contextmanager
def _taken_back_if_unavailable(key: tuple[str, ...]) -> Iterator[None]:
    try:
        yield
    except (Refusal, DatabaseError, OSError) as error:
        # Errors of the database or the system are the site's, whether they become a 503 or a 500 (http/middleware.py).
        # A refusal is the sender's fault unless it is temporary: a bad picture never succeeds.
        if not isinstance(error, Refusal) or error.is_temporary:
            counts.take_back(key)
        raise


def limit_logins(address: str, username: str) -> None:
    """Count a login attempt. Raises Refusal above the limit of the address, or of the name from this address."""
    _hit(LOGINS_PER_ADDRESS_PER_MINUTE, "logins", _network(address))
    _hit(LOGINS_PER_MINUTE, "login", _network(address), username.casefold()[:150])


def _network(address: str) -> str:
    """Return an IPv4 address as it is, and the /64 network of an IPv6 address, since one client has all of that."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4 or parsed.ipv4_mapped:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def _hit(per_minute: int, *key: str) -> None:
    if not per_minute:
        return
    wait = counts.hit(key, per_minute)
    if wait:
        seconds = max(1, math.ceil(wait))
        sentence = f"At most {per_minute:,} a minute are allowed; please try again in {seconds} s."
        raise Refusal("rate_limited", sentence, seconds)
