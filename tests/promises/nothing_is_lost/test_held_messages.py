"""Messages in flight: extended during long work; finished, or made visible at once, when the worker stops."""

import time
from pathlib import Path

from tests.system.conftest import StartSystem
from tests.system.harness import REQUESTS, SHORT_VISIBILITY, System, wait_until
from tests.system.photos import RIGHT, check_all_done_and_right, post

HELD = 32


def start_with_full_worker(start_system: StartSystem, switch: Path, count: int) -> System:
    """Start a system whose worker holds as many messages as it may, and waits while the switch file exists."""
    system = start_system(workers=0)
    system.hold_pictures(switch)
    system.worker_variables = {"MODEL_THREADS": "2", "DRAIN_SECONDS": "5", "LONG_POLL_SECONDS": "5"}
    with system.client() as client:
        system.ids = [post(client, name) for name in list(RIGHT) * (count // len(RIGHT))]
    return system


def test_work_longer_than_the_visibility_timeout_is_done_once(start_system: StartSystem, tmp_path: Path):
    switch = tmp_path / "waiting"
    system = start_with_full_worker(start_system, switch, len(RIGHT))
    system.set_queue(REQUESTS, VisibilityTimeout=SHORT_VISIBILITY)
    system.start_worker("worker1")
    wait_until(lambda: system.depth(REQUESTS) == (0, len(RIGHT)), 60, "the worker holds them all")
    system.start_worker("worker2")
    until = time.monotonic() + 1.5 * SHORT_VISIBILITY
    while time.monotonic() < until:
        assert system.depth(REQUESTS) == (0, len(RIGHT))
        time.sleep(0.5)
    switch.unlink()
    with system.client() as client:
        check_all_done_and_right(system, client, system.ids)
    assert system.log("worker1").count("classified") == len(RIGHT)
    assert system.log("worker2").count("classified") == 0


def test_a_stopping_worker_releases_unfinished_messages_at_once(start_system: StartSystem, tmp_path: Path):
    switch = tmp_path / "waiting"
    system = start_with_full_worker(start_system, switch, HELD + len(RIGHT))
    system.start_worker("worker1")
    wait_until(lambda: system.depth(REQUESTS).held == HELD, 60, "the worker holds all it may")
    assert system.terminate("worker1", 15) == 0
    assert system.depth(REQUESTS) == (len(system.ids), 0)
    switch.unlink()
    system.start_worker("worker2")
    with system.client() as client:
        check_all_done_and_right(system, client, system.ids)


def test_messages_received_by_a_stopping_workers_poll_are_released(start_system: StartSystem):
    system = start_system(workers=0)
    system.worker_variables = {"LONG_POLL_SECONDS": "20"}
    system.start_worker("worker1")
    system.wait_until_ready()
    time.sleep(1)  # into its long poll
    system.processes["worker1"].terminate()
    time.sleep(1)
    with system.client() as client:
        id = post(client, "coffee.png")
        assert system.processes["worker1"].wait(30) == 0
        assert system.depth(REQUESTS) == (1, 0)
        system.start_worker("worker2")
        check_all_done_and_right(system, client, [id])
