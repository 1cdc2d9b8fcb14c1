"""Bursts of pictures sent to the site, and what became of them by its API."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle, islice
from math import ceil
from pathlib import Path
from typing import Any

import httpx

ADDRESS = "/api/v1/classifications"
AT_ONCE = 8
TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Outcome:
    """What became of the pictures that the site took. waits: seconds from upload to result, ascending."""

    accepted: int
    done: int
    failed: int
    waits: Sequence[float]

    @property
    def lost(self) -> int:
        return self.accepted - self.done - self.failed

    def wait(self, share: float) -> float:
        """Return the seconds within which this share of pictures had their result."""
        return self.waits[max(0, ceil(share * len(self.waits)) - 1)] if self.waits else 0.0


class Bursts:
    """A client of the site with an API token."""

    def __init__(self, site: str, token: str, pictures: Sequence[Path]) -> None:
        shown = {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(base_url=site, headers=shown, timeout=TIMEOUT_SECONDS)
        self._pictures = [(path.name, path.read_bytes()) for path in pictures]
        self.ids: set[str] = set()

    def send(self, count: int) -> None:
        """Send so many pictures as fast as the site takes them. Raises httpx.HTTPError."""
        with ThreadPoolExecutor(AT_ONCE) as threads:
            self.ids.update(threads.map(self._send, islice(cycle(self._pictures), count)))

    def _send(self, picture: tuple[str, bytes]) -> str:
        answer = self._client.post(ADDRESS, files={"file": picture})
        answer.raise_for_status()
        id: str = answer.json()["id"]
        return id

    def outcome(self) -> Outcome:
        rows = {row["id"]: row for row in self._rows() if row["id"] in self.ids}
        states = [row["state"] for row in rows.values()]
        waits = sorted(
            (datetime.fromisoformat(row["finished_at"]) - datetime.fromisoformat(row["created_at"])).total_seconds()
            for row in rows.values()
            if row["finished_at"]
        )
        return Outcome(len(self.ids), states.count("done"), states.count("failed"), waits)

    def _rows(self) -> Iterator[dict[str, Any]]:
        address = ADDRESS
        while address:
            answer = self._client.get(address)
            answer.raise_for_status()
            page = answer.json()
            yield from page["results"]
            address = page["next"]
