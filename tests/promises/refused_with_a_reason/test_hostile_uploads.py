"""Two thousand hostile uploads to the whole system: none causes a server error or ends a process.

Another seed, by HOSTILE_SEED, makes other uploads; the one of a run that failed is printed.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.promises.refused_with_a_reason import connections
from tests.promises.refused_with_a_reason.generator import Upload, uploads
from tests.system.harness import DEAD_LETTERS, REQUESTS, RESPONSES, ROOT, System, running, wait_until

SEED = int(os.environ.get("HOSTILE_SEED", "1"))
COUNT = 2_000
GOOD_EVERY = 100
AT_ONCE = 8
FINISH_SECONDS = 120
POSTED = "/api/v1/classifications"
PROBLEM = "application/problem+json"

GOOD = "chelsea.png"
CATS = {"tiger cat", "tabby", "Egyptian cat"}

REFUSALS = {
    "bad_request": 400,
    "empty": 422,
    "invalid": 422,
    "broken": 422,
    "too_many_pixels": 422,
    "too_many_scans": 422,
    "not_an_image": 415,
    "not_multipart": 415,
    "too_many_bytes": 413,
}
"""The type of each refusal that may come, and its status."""
FAILURES = {"broken"}

MAX_WORKER_MB = 2_600
"""Model and libraries take 600 MB. With two model threads one large picture is decoded at a time, which takes 1.2 GB
where it is a WebP of 50 million pixels, and beside it two of 12 million at most, of 300 MB each; the rest is slack."""
MAX_WEB_MB = 400
"""The site takes 150 MB, and each of its eight upload threads may hold a body of 10 MB in three copies."""


@dataclass
class Campaign:
    """The responses and results of all uploads."""

    systems: list[System]
    processes: dict[str, int]
    answers: list[tuple[Upload, httpx.Response]] = field(default_factory=list)
    good: list[dict[str, Any]] = field(default_factory=list)
    statuses: dict[str, int | None] = field(default_factory=dict)
    finished: list[dict[str, Any]] = field(default_factory=list)

    @property
    def refused(self) -> list[tuple[Upload, httpx.Response]]:
        return [(upload, answer) for upload, answer in self.answers if answer.status_code >= 400]


def post(client: httpx.Client, upload: Upload) -> tuple[Upload, httpx.Response]:
    return upload, client.post(POSTED, content=upload.body, headers={"Content-Type": upload.content_type.encode()})


def post_good(client: httpx.Client) -> dict[str, Any]:
    file = (GOOD, (ROOT / "samples" / GOOD).read_bytes())
    answer = client.post(POSTED, files={"file": file}, headers={"Prefer": "wait=60"})
    resource: dict[str, Any] = answer.json()
    return resource


def finished(client: httpx.Client, id: str) -> dict[str, Any]:
    def resource() -> dict[str, Any] | None:
        found: dict[str, Any] = client.get(f"{POSTED}/{id}").json()
        return found if found["state"] != "queued" else None

    return wait_until(resource, FINISH_SECONDS, f"{id} is finished") or {}


def peak_mb(pid: int) -> int:
    """Return the most memory that a process has ever held."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) // 1024


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    print(f"HOSTILE_SEED={SEED}")
    system = System(tmp_path_factory.mktemp("hostile"), RATE_LIMIT_UPLOADS_PER_MINUTE="0")
    system.worker_variables = {"MODEL_THREADS": "2"}  # Memory grows with them, and so with the cores.
    with running(system, workers=1):
        pids = {name: process.pid for name, process in system.processes.items()}
        campaign = Campaign([system], pids)
        with ThreadPoolExecutor(AT_ONCE) as threads, system.client(timeout=90) as client:
            hostile = uploads(SEED, COUNT)
            while hundred := list(islice(hostile, GOOD_EVERY)):
                campaign.answers += threads.map(partial(post, client), hundred)
                campaign.good.append(post_good(client))
            accepted = [answer.json()["id"] for _, answer in campaign.answers if answer.status_code == 202]
            campaign.finished = list(threads.map(partial(finished, client), accepted))
            requests = connections.connections(client.headers)
            status = partial(connections.status_of, system.web_port)
            campaign.statuses = dict(zip(requests, threads.map(status, requests.values()), strict=True))
            campaign.good.append(post_good(client))
        yield campaign


def test_no_upload_causes_a_server_error(campaign: Campaign) -> None:
    assert [upload for upload, answer in campaign.answers if answer.status_code >= 500] == []
    assert {name: status for name, status in campaign.statuses.items() if (status or 0) >= 500} == {}


def test_every_refusal_is_a_problem_of_a_known_type(campaign: Campaign) -> None:
    unknown = []
    for upload, answer in campaign.refused:
        problem = answer.json() if answer.headers["Content-Type"] == PROBLEM else {}
        if REFUSALS.get(problem.get("type", "").removeprefix("urn:problem:")) != answer.status_code:
            unknown.append((upload, answer.text))
    assert unknown == []


def test_many_uploads_are_refused_and_many_accepted(campaign: Campaign) -> None:
    assert len(campaign.answers) == COUNT
    assert min(len(campaign.refused), len(campaign.finished)) > COUNT / 5


def test_accepted_pictures_end_as_done_or_failed(campaign: Campaign) -> None:
    ends = {(one["state"], one["error_code"]) for one in campaign.finished}
    assert ends <= {("done", None), *(("failed", code) for code in FAILURES)}


def test_a_good_picture_after_each_hundred_is_still_recognised(campaign: Campaign) -> None:
    assert [one for one in campaign.good if one.get("label") not in CATS] == []
    assert len(campaign.good) == COUNT / GOOD_EVERY + 1


def test_no_process_has_died(campaign: Campaign) -> None:
    [system] = campaign.systems
    assert {name: process.pid for name, process in system.processes.items()} == campaign.processes
    assert [name for name, process in system.processes.items() if process.poll() is not None] == []


def test_no_message_is_left(campaign: Campaign) -> None:
    [system] = campaign.systems
    queues = (REQUESTS, RESPONSES, *DEAD_LETTERS)
    wait_until(lambda: all(system.depth(queue) == (0, 0) for queue in queues), 20, "the queues are empty")


@pytest.mark.parametrize(("process", "most"), [("worker1", MAX_WORKER_MB), ("web", MAX_WEB_MB)])
def test_memory_stays_bounded(campaign: Campaign, process: str, most: int) -> None:
    peak = peak_mb(campaign.processes[process])
    print(f"{process} took {peak} MB at most")
    assert peak < most
