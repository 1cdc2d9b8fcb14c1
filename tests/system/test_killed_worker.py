"""A worker that ends in the middle of its work, by force or by request: no picture is lost or classified twice."""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice
from typing import Any

import httpx

from tests.system.conftest import StartSystem
from tests.system.harness import DEAD_LETTERS, INPUT_BUCKET, OUTPUT_BUCKET, REQUESTS, ROOT, System, wait_until

COUNT = 50
UPLOADS_AT_ONCE = 8
SHORT_VISIBILITY = 40  # A worker refuses to start on much less.
SOME = 3  # finished pictures that show a worker is in the middle of its work
FINISH_SECONDS = 120
STOP_SECONDS = 30

RIGHT = {
    "camera.png": {"tripod"},
    "chelsea.png": {"tiger cat", "tabby", "Egyptian cat"},
    "coffee.png": {"espresso"},
    "flower.jpg": {"daisy"},
    "rocket.jpg": {"missile", "projectile"},
}
"""What is on the samples, by any model; left out is one on which models may differ."""


def post(client: httpx.Client, name: str) -> str:
    file = (name, (ROOT / "samples" / name).read_bytes())
    answer = client.post("/api/v1/classifications", files={"file": file})
    assert answer.status_code == 202
    id: str = answer.json()["id"]
    return id


def post_all_until_some_are_done(system: System, threads: ThreadPoolExecutor, client: httpx.Client) -> Any:
    """Begin to post all pictures; return their ids to come, as soon as the worker is in the middle of them."""
    ids = threads.map(partial(post, client), islice(cycle(RIGHT), COUNT))
    wait_until(lambda: len(records(system)) >= SOME, FINISH_SECONDS, "some pictures are classified")
    return ids


def records(system: System) -> list[str]:
    return [key for key in system.keys(OUTPUT_BUCKET) if key.endswith(".json")]


def set_visibility(system: System, seconds: int) -> None:
    attributes = {"VisibilityTimeout": str(seconds)}
    system.sqs.set_queue_attributes(QueueUrl=system.queue_url(REQUESTS), Attributes=attributes)


def check_all_done_and_right(system: System, client: httpx.Client, ids: list[str]) -> None:
    def unfinished() -> list[str]:
        return [id for id in ids if client.get(f"/api/v1/classifications/{id}").json()["state"] == "queued"]

    assert len(set(ids)) == COUNT
    wait_until(lambda: not unfinished(), FINISH_SECONDS, "all pictures are classified")
    rows = [client.get(f"/api/v1/classifications/{id}").json() for id in ids]
    assert [row for row in rows if row["state"] != "done" or row["label"] not in RIGHT[row["file_name"]]] == []
    assert sorted(records(system)) == sorted(f"{id}.json" for id in ids)
    assert len(system.keys(INPUT_BUCKET)) == COUNT
    assert {json.loads(system.read(f"{id}.json"))["id"] for id in ids} == set(ids)
    queues = (REQUESTS, *DEAD_LETTERS)
    wait_until(lambda: all(system.depth(queue) == (0, 0) for queue in queues), 20, "no message is left")


def test_what_a_killed_worker_held_is_classified_by_the_next(start_system: StartSystem):
    system = start_system(workers=0)
    set_visibility(system, SHORT_VISIBILITY)
    system.start_worker("worker1")
    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as threads, system.client() as client:
        posting = post_all_until_some_are_done(system, threads, client)
        system.kill("worker1")
        assert system.depth(REQUESTS).held > 0
        ids = list(posting)
        assert len(records(system)) < COUNT
        system.start_worker("worker2")
        check_all_done_and_right(system, client, ids)


def test_a_worker_that_is_asked_to_stop_finishes_what_it_holds(start_system: StartSystem):
    system = start_system(workers=2)
    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as threads, system.client() as client:
        posting = post_all_until_some_are_done(system, threads, client)
        assert system.terminate("worker1", STOP_SECONDS) == 0
        ids = list(posting)
        # Far sooner than a message that had been left lying would be visible again.
        check_all_done_and_right(system, client, ids)
