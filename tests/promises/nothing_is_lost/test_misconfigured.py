"""Configuration errors: a sentence names the setting, at startup or in the log."""

import time

import pytest

from tests.system.conftest import StartSystem
from tests.system.harness import EVENTS, REQUEST_DEAD_LETTERS, RESPONSE_DEAD_LETTERS, System, wait_until
from tests.system.photos import ADDRESS, content

START = {
    "worker1": lambda system: system.start_worker("worker1"),
    "results1": lambda system: system.start_consumer("results1"),
    "letters1": lambda system: system.start_dead_letter_consumer("letters1"),
    "web": lambda system: system.start_web(),
    "flower": lambda system: system.start_flower(),
}
ALL = tuple(START)
WITH_BUCKETS = tuple(name for name in START if name != "flower")


@pytest.fixture
def bare(start_system: StartSystem) -> System:
    """A system without processes, but emulator and proxy."""
    system = start_system(workers=0, consumers=0, proxy=True)
    system.kill("web")
    return system


def check_none_starts(system: System, processes: tuple[str, ...], *words: str) -> None:
    """Start processes; each must end with an error, and say these words instead of a traceback."""
    for name in processes:
        START[name](system)
    for name in processes:
        assert system.processes[name].wait(90) != 0, name
        assert [word for word in words if word not in system.log(name)] == [], name
        assert "Traceback" not in system.log(name), name


def test_a_missing_bucket_ends_every_startup(bare: System):
    bare.s3.delete_bucket(Bucket="recognition-output")
    check_none_starts(bare, WITH_BUCKETS, "OUTPUT_BUCKET=recognition-output can't be used: the bucket doesn't exist")


def test_a_missing_queue_ends_every_startup(bare: System):
    bare.sqs.delete_queue(QueueUrl=bare.queue_url(EVENTS))
    check_none_starts(bare, ALL, "EVENT_QUEUE_URL=", "can't be used: the queue doesn't exist")


@pytest.mark.parametrize(
    ("queue", "setting"),
    [
        (REQUEST_DEAD_LETTERS, "REQUEST_DEAD_LETTER_QUEUE_URL"),
        (RESPONSE_DEAD_LETTERS, "RESPONSE_DEAD_LETTER_QUEUE_URL"),
    ],
)
def test_a_missing_dead_letter_queue_ends_the_startup_of_its_consumer(bare: System, queue: str, setting: str):
    bare.sqs.delete_queue(QueueUrl=bare.queue_url(queue))
    sentence = f"{setting}={bare.queue_url(queue)} can't be used: the queue doesn't exist"
    check_none_starts(bare, ("letters1",), sentence)


@pytest.mark.parametrize(("kind", "setting"), [("expired", "AWS_SESSION_TOKEN"), ("skewed", "clock")])
def test_expired_credentials_and_a_wrong_clock_end_every_startup(bare: System, kind: str, setting: str):
    bare.fault(kind)
    check_none_starts(bare, ALL, setting)


@pytest.mark.parametrize(("kind", "setting"), [("expired", "AWS_SESSION_TOKEN"), ("skewed", "clock is minutes off")])
def test_expiring_credentials_and_a_wrong_clock_are_logged(start_system: StartSystem, kind: str, setting: str):
    system = start_system(workers=1, consumers=1, proxy=True)
    with system.client() as client:
        system.fault(kind)
        answer = client.post(ADDRESS, files={"file": ("coffee.png", content("coffee.png"))})
        assert answer.status_code == 503
        for name in ("web", "worker1", "results1"):
            wait_until(lambda: setting in system.log(name), 30, f"{name} says why")  # noqa: B023 -- used at once
        time.sleep(3)
        for name in ("web", "worker1", "results1"):
            assert system.processes[name].poll() is None
            assert "Traceback" not in system.log(name)
            assert system.log(name).count(setting) < 20
