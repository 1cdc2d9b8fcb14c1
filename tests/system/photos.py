"""Post the sample pictures as a client, and check their results."""

import json
from collections.abc import Iterable

import httpx

from tests.system.harness import (
    DEAD_LETTERS,
    INPUT_BUCKET,
    OUTPUT_BUCKET,
    REQUESTS,
    RESPONSES,
    ROOT,
    System,
    wait_until,
)

FINISH_SECONDS = 120
EMPTY_SECONDS = 150  # A message whose acknowledgement was lost comes again after its visibility timeout.
ADDRESS = "/api/v1/classifications"

RIGHT = {
    "camera.png": {"tripod"},
    "chelsea.png": {"tiger cat", "tabby", "Egyptian cat"},
    "coffee.png": {"espresso"},
    "flower.jpg": {"daisy"},
    "rocket.jpg": {"missile", "projectile"},
}
"""The samples' labels by every model; without a sample on which models may differ."""


def content(name: str) -> bytes:
    return (ROOT / "samples" / name).read_bytes()


def post(client: httpx.Client, name: str, marked: bytes = b"") -> str:
    """Post a sample, with some bytes behind its end, which decoders ignore; return its id."""
    answer = client.post(ADDRESS, files={"file": (name, content(name) + marked)})
    assert answer.status_code == 202, answer.text
    id: str = answer.json()["id"]
    return id


def read(client: httpx.Client, id: str) -> dict[str, str]:
    resource: dict[str, str] = client.get(f"{ADDRESS}/{id}").json()
    return resource


def records(system: System) -> list[str]:
    return [key for key in system.keys(OUTPUT_BUCKET) if key.endswith(".json")]


def wait_until_finished(client: httpx.Client, ids: Iterable[str], seconds: float = FINISH_SECONDS) -> None:
    unfinished = list(ids)

    def none_left() -> bool:
        while unfinished and read(client, unfinished[0])["state"] != "queued":
            unfinished.pop(0)
        return not unfinished

    wait_until(none_left, seconds, "all pictures are finished")


def check_all_done_and_right(system: System, client: httpx.Client, ids: list[str]) -> None:
    """Wait until all are done; check that rows, records and queues have exactly one right result each."""
    assert len(set(ids)) == len(ids)
    wait_until_finished(client, ids)
    rows = [read(client, id) for id in ids]
    assert [row for row in rows if row["state"] != "done" or row["label"] not in RIGHT[row["file_name"]]] == []
    assert sorted(records(system)) == sorted(f"{id}.json" for id in ids)
    assert len(system.keys(INPUT_BUCKET)) == len(ids)
    assert {json.loads(system.read(f"{id}.json"))["id"] for id in ids} == set(ids)
    check_queues_are_empty(system)


def check_queues_are_empty(system: System) -> None:
    queues = (REQUESTS, RESPONSES, *DEAD_LETTERS)
    wait_until(lambda: all(system.depth(queue) == (0, 0) for queue in queues), EMPTY_SECONDS, "no message is left")
