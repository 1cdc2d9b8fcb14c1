"""The sample pictures, classified through the web tier as any client would."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import httpx

from infra.local.environment import ROOT

SAMPLES = ROOT / "samples"
SUFFIXES = (".jpg", ".png")
WAIT_SECONDS = 120


@dataclass(frozen=True)
class Sample:
    """A picture's result by the API, and the seconds from its upload to its result."""

    file: str
    result: dict[str, str | float | bool | None]
    seconds: float


def pictures() -> list[Path]:
    return sorted(path for path in SAMPLES.iterdir() if path.suffix in SUFFIXES)


def classify(site: str, token: str) -> Iterator[Sample]:
    """Yield the samples as their results come in."""
    shown = {"Authorization": f"Bearer {token}"}
    with (
        ThreadPoolExecutor() as threads,
        httpx.Client(base_url=site, headers=shown, timeout=WAIT_SECONDS + 10) as client,
    ):
        uploads = [threads.submit(_classify, client, path) for path in pictures()]
        for upload in as_completed(uploads):
            yield upload.result()


def _classify(client: httpx.Client, path: Path) -> Sample:
    started = time.monotonic()
    answer = client.post(
        "/api/v1/classifications",
        files={"file": (path.name, path.read_bytes())},
        headers={"Prefer": f"wait={WAIT_SECONDS}"},
    )
    answer.raise_for_status()
    return Sample(path.name, answer.json(), time.monotonic() - started)
