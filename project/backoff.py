"""How long to wait before trying again: longer after each failure, never the same twice, and never very long."""

import random

FIRST_SECONDS = 1.0
MAX_SECONDS = 15.0


class Backoff:
    """Counts failures in a row; each wait is twice the last one, give or take a half, so that processes drift apart."""

    def __init__(self) -> None:
        self._failures = 0

    def seconds(self) -> float:
        """Return the next wait, after one more failure."""
        longest = min(MAX_SECONDS, FIRST_SECONDS * 2.0 ** min(self._failures, 10))
        self._failures += 1
        return random.uniform(longest / 2, longest)  # noqa: S311 -- no secret

    def reset(self) -> None:
        self._failures = 0
