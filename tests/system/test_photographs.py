"""A hundred photographs at once, by the synchronous route and by the API: none lost, and all that is kept agrees."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from html import escape
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.system.harness import DEAD_LETTERS, REQUESTS, RESPONSES, ROOT, System, wait_until

COUNT = 100
SUFFIXES = (".jpg", ".jpeg", ".png")
BOUNDARY = "a boundary of the tests"
ANSWER_SECONDS = 150
MIN_RIGHT = 0.85
Classification = dict[str, Any]


@dataclass(frozen=True)
class Photograph:
    """A file under a name of its own in this test, though the sample it shows may be there several times."""

    name: str
    path: Path
    label: str | None = None

    @property
    def stem(self) -> str:
        return self.name.rpartition(".")[0]


def photographs() -> list[Photograph]:
    """Return 100 photographs: those of the folder PHOTOS, else the samples again and again."""
    folder = Path(os.environ.get("PHOTOS") or ROOT / "samples")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    labels = labels_of(folder)
    some = islice(cycle(paths), max(COUNT, len(paths)))
    return [Photograph(f"{number:03} {path.name}", path, labels.get(path.name)) for number, path in enumerate(some)]


def labels_of(folder: Path) -> dict[str, str]:
    file = folder / "labels.csv"
    if not file.exists():
        return {}
    with file.open(newline="") as lines:
        return {line["file"]: line["label"] for line in csv.DictReader(lines)}


def concurrently(post: Callable[[Photograph], httpx.Response], photographs: list[Photograph]) -> list[httpx.Response]:
    with ThreadPoolExecutor(len(photographs)) as threads:
        return list(threads.map(post, photographs))


def post_as_old_clients_do(client: httpx.Client, field: str, photograph: Photograph) -> httpx.Response:
    """Post one part that has a file name and no Content-Type."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{photograph.name}"\r\n\r\n'
    body = head.encode() + photograph.path.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()
    content_type = f'multipart/form-data; boundary="{BOUNDARY}"'
    return client.post("/postApi/image", content=body, headers={"Content-Type": content_type})


def post_to_api(client: httpx.Client, photograph: Photograph) -> httpx.Response:
    file = (photograph.name, photograph.path.read_bytes())
    return client.post("/api/v1/classifications", files={"file": file}, headers={"Prefer": "wait=120"})


def all_classifications(client: httpx.Client) -> list[Classification]:
    """Return everything that the paged list lists."""
    found: list[Classification] = []
    address: str | None = "/api/v1/classifications"
    while address:
        page = client.get(address).raise_for_status().json()
        found += page["results"]
        address = page["next"]
    return found


def classifications_of(client: httpx.Client, photographs: list[Photograph]) -> dict[str, Classification]:
    """Return the classifications of these photographs by their names, each of which must be there once."""
    names = {photograph.name for photograph in photographs}
    found = [one for one in all_classifications(client) if one["file_name"] in names]
    by_name = {one["file_name"]: one for one in found}
    assert len(found) == len(by_name) == len(photographs)
    return by_name


def check_stored(system: System, row: Classification) -> None:
    """Check that the stored record and text match the row."""
    record = json.loads(system.read(f"{row['id']}.json"))
    shared = ("id", "state", "file_name", "label", "confidence", "top5", "model", "weights", "fallback")
    assert {name: record[name] for name in shared} == {name: row[name] for name in shared}
    stem = row["file_name"].rpartition(".")[0]
    assert system.read(f"{row['id']}.txt") == f"({stem}, {row['label']})"


def check_share_right(photographs: list[Photograph], rows: dict[str, Classification]) -> None:
    labelled = [photograph for photograph in photographs if photograph.label]
    right = sum(rows[photograph.name]["label"] == photograph.label for photograph in labelled)
    assert right >= MIN_RIGHT * len(labelled), f"{right} of {len(labelled)} are right"


@pytest.fixture(scope="module")
def client(system: System) -> Any:
    # Shorter than the server's patience, which may end just as a connection is used again.
    limits = httpx.Limits(max_connections=None, keepalive_expiry=1)
    with system.client(timeout=ANSWER_SECONDS, limits=limits) as client:
        yield client


def test_a_worker_of_this_system_cannot_import_django(system: System):
    command = [sys.executable, "-c", "import django"]
    done = subprocess.run(command, env=system.worker_environment, capture_output=True, text=True, check=False)
    assert "a worker has no Django" in done.stderr


def test_the_synchronous_route_answers_all(system: System, client: httpx.Client):
    sent = [Photograph(f"sync {one.name}", one.path, one.label) for one in photographs()]
    bare, with_stem = sent[::2], sent[1::2]
    fields = {one.name: "myfile" for one in bare} | {one.name: "inputFile" for one in with_stem}
    posted = concurrently(lambda one: post_as_old_clients_do(client, fields[one.name], one), sent)
    rows = classifications_of(client, sent)
    assert [answer.status_code for answer in posted] == [200] * len(sent)
    assert {answer.headers["Content-Type"] for answer in posted} == {"text/plain; charset=utf-8"}
    texts = dict(zip([one.name for one in sent], [answer.text for answer in posted], strict=True))
    assert {one.name: texts[one.name] for one in bare} == {one.name: rows[one.name]["label"] for one in bare}
    assert {one.name: texts[one.name] for one in with_stem} == {
        one.name: f"{one.stem}:{rows[one.name]['label']}" for one in with_stem
    }
    for row in rows.values():
        check_stored(system, row)
    check_share_right(sent, rows)


def test_the_api_answers_all(system: System, client: httpx.Client):
    sent = [Photograph(f"api {one.name}", one.path, one.label) for one in photographs()]
    posted = concurrently(partial(post_to_api, client), sent)
    assert [answer.status_code for answer in posted] == [200] * len(sent)
    rows = classifications_of(client, sent)
    for answer in posted:
        row = answer.json()
        assert row["state"] == "done"
        assert client.get(row["url"]).json() == row == rows[row["file_name"]]
        check_stored(system, row)
    check_share_right(sent, rows)


@pytest.fixture(scope="module")
def classified(system: System, client: httpx.Client) -> list[Classification]:
    """What this system has classified by now: a hundred photographs at least."""
    if len(all_classifications(client)) < COUNT:
        concurrently(partial(post_to_api, client), photographs())
    return all_classifications(client)


def test_the_admin_shows_what_the_rows_say(system: System, client: httpx.Client, classified: list[Classification]):
    system.log_in(client)
    for row in classified[:: len(classified) // 10]:
        page = client.get(f"/admin/classify_app/classification/{row['id']}/change/", follow_redirects=True)
        assert page.status_code == 200
        assert {
            value for value in (row["id"], row["label"], row["file_name"]) if escape(value) not in page.text
        } == set()


def test_both_workers_classified_pictures(system: System, classified: list[Classification]):
    records = [json.loads(system.read(f"{row['id']}.json")) for row in classified]
    assert {record["worker"] for record in records} == {"worker1@host", "worker2@host"}


def test_flower_lists_tasks_and_workers(system: System, classified: list[Classification]):
    ids = {row["id"] for row in classified}

    def succeeded() -> bool:
        tasks = httpx.get(f"{system.flower}/api/tasks", params={"limit": 10_000}, timeout=20).json()
        return ids <= {id for id, task in tasks.items() if task["state"] == "SUCCESS"}

    wait_until(succeeded, 30, "Flower lists every task as succeeded")
    workers = httpx.get(f"{system.flower}/api/workers", timeout=20).json()
    assert {"worker1@host", "worker2@host"} <= set(workers)
    assert all(workers[name]["stats"]["pool"] for name in ("worker1@host", "worker2@host"))


def test_no_message_is_left(system: System, classified: list[Classification]):
    queues = (REQUESTS, RESPONSES, *DEAD_LETTERS)
    wait_until(lambda: all(system.depth(queue) == (0, 0) for queue in queues), 20, "all queues are empty")
