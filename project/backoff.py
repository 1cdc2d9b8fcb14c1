"""Exponential backoff with jitter, for retries."""

import random

FIRST_SECONDS = 1.0
MAX_SECONDS = 15.0


class Backoff:
    """Counts consecutive failures. The delay doubles with each, up to MAX_SECONDS; jitter spreads processes out."""

    def __init__(self) -> None:
        self._failures = 0

    def seconds(self) -> float:
        """Count one more failure; return the delay before the next attempt, in seconds."""
        longest = min(MAX_SECONDS, FIRST_SECONDS * 2.0 ** min(self._failures, 10))
        self._failures += 1
        return random.uniform(longest / 2, longest)  # noqa: S311 -- no secret

    def reset(self) -> None:
        self._failures = 0
