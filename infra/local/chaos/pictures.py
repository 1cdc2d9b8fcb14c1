"""The pictures of a chaotic run: sent by clients that try again, and looked up one by one in the end."""

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
from botocore.exceptions import ClientError

from infra.local import resources, samples
from infra.local.chaos.system import System

ADDRESS = "/api/v1/classifications"
TRUNCATED_SHARE = 0.05
TRUNCATED = "truncated"
RETRY_SECONDS = 0.5
TIMEOUT_SECONDS = 60


@dataclass
class Sent:
    """The ids answered with 202. Where an answer was lost its picture was sent again, and may be there twice."""

    ids: list[str] = field(default_factory=list)
    refusals: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Outcome:
    """What became of all pictures that the site accepted."""

    accepted: int
    done: int
    failed: int
    lost: int
    wrong: int
    unjust: int
    """Failures of good pictures, or without a verdict about the picture."""
    causes: Counter[str]
    """The codes of those that failed."""


def client(system: System) -> httpx.Client:
    shown = {"Authorization": f"Bearer {system.token}"}
    return httpx.Client(base_url=system.site, headers=shown, timeout=TIMEOUT_SECONDS)


def send(system: System, random: Random, sent: Sent) -> None:
    """Send one picture until it is accepted; one in twenty is truncated, and must end as failed."""
    path = random.choice(samples.pictures())
    name, content = path.name, path.read_bytes()
    if random.random() < TRUNCATED_SHARE:
        name, content = f"{TRUNCATED}-{name}", content[: len(content) // 2]
    with client(system) as site:
        while True:
            try:
                answer = site.post(ADDRESS, files={"file": (name, content)})
            except httpx.TransportError:
                time.sleep(RETRY_SECONDS)
                continue
            if answer.status_code == 202:
                with sent._lock:
                    sent.ids.append(answer.json()["id"])
                return
            if answer.status_code < 500:
                raise AssertionError(f"{name} was refused: {answer.status_code} {answer.text}")
            with sent._lock:
                sent.refusals += 1
            time.sleep(RETRY_SECONDS)


def all_rows(system: System) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    address: str | None = f"{ADDRESS}?page_size=100"
    with client(system) as site:
        while address:
            page = site.get(address).raise_for_status().json()
            rows += page["results"]
            address = page["next"]
    return rows


def outcome(system: System, rows: list[dict[str, Any]], sent: Sent, labels: dict[str, str]) -> Outcome:
    """Compare rows, stored records and what is on the pictures. `labels` are those of an undisturbed system."""
    states = Counter(row["state"] for row in rows)
    missing = set(sent.ids) - {row["id"] for row in rows}
    return Outcome(
        accepted=len(rows) + len(missing),
        done=states["done"],
        failed=states["failed"],
        lost=states["queued"] + len(missing),
        unjust=sum(_unjust(system, row) for row in rows if row["state"] == "failed"),
        wrong=sum(not _right(system, row, labels) for row in rows if row["state"] != "queued"),
        causes=Counter(row["error_code"] for row in rows if row["state"] == "failed"),
    )


def _unjust(system: System, row: dict[str, Any]) -> bool:
    return not row["file_name"].startswith(TRUNCATED) or _record(system, row["id"]) is None


def _right(system: System, row: dict[str, Any], labels: dict[str, str]) -> bool:
    record = _record(system, row["id"])
    if row["state"] == "failed":
        # Without a record, no attempt got far enough to store one; then the cause is a dead letter.
        agrees = record["error_code"] == row["error_code"] if record else row["error_code"] == "dead_letter"
        return agrees and bool(row["error"])
    return record is not None and record["label"] == row["label"] == labels.get(row["file_name"])


def _record(system: System, id: str) -> dict[str, Any] | None:
    try:
        stored = system.s3.get_object(Bucket=resources.OUTPUT_BUCKET, Key=f"{id}.json")
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise
    record: dict[str, Any] = json.loads(stored["Body"].read())
    return record
