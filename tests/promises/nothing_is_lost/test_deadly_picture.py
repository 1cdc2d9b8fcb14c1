"""A picture crashes its worker every time: it fails with that reason, and all other pictures are done."""

from pathlib import Path

from tests.system.conftest import StartSystem
from tests.system.harness import DEAD_LETTERS, REQUESTS, SHORT_VISIBILITY, wait_until
from tests.system.photos import RIGHT, check_queues_are_empty, post, read, wait_until_finished

HELD = 32

DEADLY = """
import os, signal, time
import project.aws.storage as storage
import workers.preprocess as preprocess

get_picture, decode = storage.get_picture, preprocess.decode

def held(key):
    found = get_picture(key)
    while os.path.exists({switch!r}):
        time.sleep(0.05)
    return found

def deadly(image, *rest):
    if image.fp.getvalue().endswith(b"KILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    return decode(image, *rest)

storage.get_picture, preprocess.decode = held, deadly
"""
"""Makes pictures wait while a file exists. Afterwards a marked picture kills the process that decodes it."""


def test_a_deadly_picture_fails_alone_although_the_worker_was_full(start_system: StartSystem, tmp_path: Path):
    system = start_system(workers=0)
    switch = tmp_path / "waiting"
    switch.touch()
    system.in_workers(DEADLY.format(switch=str(switch)))
    system.worker_variables = {"MODEL_THREADS": "2"}
    system.set_queue(REQUESTS, VisibilityTimeout=SHORT_VISIBILITY)
    with system.client() as client:
        deadly = post(client, "rocket.jpg", b"KILL")
        neighbours = [post(client, name) for name in list(RIGHT) * 7][: HELD - 1]
        system.start_worker("worker1")
        wait_until(lambda: system.depth(REQUESTS).held == HELD, 60, "the worker holds all it may")
        switch.unlink()
        worker = system.processes["worker1"]
        wait_until(lambda: worker.poll() is not None, 30, "the picture kills the worker")
        system.start_worker("worker2")
        wait_until_finished(client, [deadly, *neighbours], 180)
        found = read(client, deadly)
        assert (found["state"], found["error_code"]) == ("failed", "crashed")
        assert "SIGKILL" in found["error"]
        rows = [read(client, id) for id in neighbours]
        assert [row for row in rows if row["state"] != "done" or row["label"] not in RIGHT[row["file_name"]]] == []
        assert system.processes["worker2"].poll() is None
        assert [system.depth(queue) for queue in DEAD_LETTERS] == [(0, 0)] * 2
        check_queues_are_empty(system)
