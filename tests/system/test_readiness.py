"""A worker tells systemd when it takes pictures, not before, and when it stops."""

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.conftest import StartSystem
from tests.system.harness import REQUESTS, wait_until
from tests.system.photos import post

WARM_SECONDS = 4
SLOW_TO_WARM_UP = f"""
import time
from workers import pipeline
warm_up = pipeline.Pipeline.warm_up
def slowly(self):
    time.sleep({WARM_SECONDS})
    return warm_up(self)
pipeline.Pipeline.warm_up = slowly
"""


@pytest.fixture
def notifications() -> Iterator[socket.socket]:
    # Not in pytest's folder: the path of a Unix socket may have about 100 characters.
    with (
        tempfile.TemporaryDirectory(prefix="recognition-") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening,
    ):
        listening.bind(str(Path(folder, "notify")))
        listening.settimeout(1)
        yield listening


def received(listening: socket.socket) -> bytes:
    try:
        return listening.recv(100)
    except TimeoutError:
        return b""


def test_a_worker_is_ready_once_it_is_warm_and_polls(start_system: StartSystem, notifications: socket.socket):
    system = start_system(workers=0, consumers=0)
    with system.client() as client:
        post(client, "coffee.png")
    system.in_workers(SLOW_TO_WARM_UP)
    system.worker_variables = {"NOTIFY_SOCKET": notifications.getsockname()}
    system.start_worker("worker1")

    wait_until(lambda: "model loaded" in system.log("worker1"), 60, "it warms up")
    assert received(notifications) == b""
    assert wait_until(lambda: received(notifications), 60, "systemd is told") == b"READY=1"
    assert "ready to take pictures" in system.log("worker1")
    wait_until(lambda: system.depth(REQUESTS) == (0, 0), 30, "the picture is classified")

    assert system.terminate("worker1", 30) == 0
    assert received(notifications) == b"STOPPING=1"
    assert received(notifications) == b""
