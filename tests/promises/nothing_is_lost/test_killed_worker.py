"""A worker is killed or stopped during its work: no picture is lost or classified twice."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import httpx

from tests.system.conftest import StartSystem
from tests.system.harness import REQUESTS, System, wait_until
from tests.system.photos import FINISH_SECONDS, RIGHT, check_all_done_and_right, post, records, wait_until_finished

COUNT = 50
UPLOADS_AT_ONCE = 8
SOME = 3  # finished pictures that show a worker is in the middle of its work
STOP_SECONDS = 30


def post_all_until_some_are_done(system: System, threads: ThreadPoolExecutor, client: httpx.Client) -> Any:
    """Begin to post all pictures; return their ids to come, as soon as the worker is in the middle of them."""
    ids = threads.map(partial(post, client), islice(cycle(RIGHT), COUNT))
    wait_until(lambda: len(records(system)) >= SOME, FINISH_SECONDS, "some pictures are classified")
    return ids


def test_a_killed_workers_messages_are_classified_by_the_next(start_system: StartSystem, tmp_path: Path):
    switch = tmp_path / "waiting"
    system = start_system(workers=0)
    system.hold_pictures(switch)
    switch.unlink()
    system.start_worker("worker1")
    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as threads, system.client() as client:
        done = [post(client, name) for name in islice(cycle(RIGHT), SOME)]
        wait_until_finished(client, done)
        switch.touch()
        held = list(threads.map(partial(post, client), islice(cycle(RIGHT), COUNT - SOME)))
        wait_until(lambda: system.depth(REQUESTS).held > SOME, FINISH_SECONDS, "the worker holds pictures")
        system.kill("worker1")
        switch.unlink()
        system.start_worker("worker2")
        check_all_done_and_right(system, client, done + held)


def test_a_stopping_worker_finishes_its_messages(start_system: StartSystem):
    system = start_system(workers=2)
    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as threads, system.client() as client:
        posting = post_all_until_some_are_done(system, threads, client)
        assert system.terminate("worker1", STOP_SECONDS) == 0
        ids = list(posting)
        # Far sooner than the visibility timeout of a message that was not released.
        check_all_done_and_right(system, client, ids)
