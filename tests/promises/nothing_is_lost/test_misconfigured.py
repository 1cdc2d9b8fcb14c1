"""Configuration errors: a sentence names the setting, at startup or in the log."""

import time

import pytest

from tests.system.conftest import StartSystem
from tests.system.harness import EVENTS, REQUEST_DEAD_LETTERS, RESPONSE_DEAD_LETTERS, System, wait_until
from tests.system.photos import ADDRESS, content

START = {
    "worker": lambda system: system.start_worker("worker1"),
    "consumer": lambda system: system.start_consumer("results1"),
    "dead-letter consumer": lambda system: system.start_dead_letter_consumer("letters1"),
    "web": lambda system: system.start_web(),
}
START_ALL = {**START, "flower": lambda system: system.start_flower()}
"""With the process that asks for no bucket."""


@pytest.fixture
def bare(start_system: StartSystem) -> System:
    """A system without processes, but emulator and proxy."""
    system = start_system(workers=0, consumers=0, proxy=True)
    system.kill("web")
    return system


def exit_message(system: System, process: str) -> str:
    START_ALL[process](system)
    name = next(name for name in system.processes if name not in ("aws", "proxy"))
    assert system.processes[name].wait(60) != 0
    return system.log(name)


@pytest.mark.parametrize("process", START)
def test_a_missing_bucket_ends_the_startup(bare: System, process: str):
    bare.s3.delete_bucket(Bucket="recognition-output")
    words = exit_message(bare, process)
    assert "OUTPUT_BUCKET=recognition-output can't be used: the bucket doesn't exist" in words
    assert "Traceback" not in words


@pytest.mark.parametrize("process", START_ALL)
def test_a_missing_queue_ends_the_startup(bare: System, process: str):
    bare.sqs.delete_queue(QueueUrl=bare.queue_url(EVENTS))
    words = exit_message(bare, process)
    assert "EVENT_QUEUE_URL=" in words and "can't be used: the queue doesn't exist" in words
    assert "Traceback" not in words


@pytest.mark.parametrize(
    ("queue", "setting"),
    [
        (REQUEST_DEAD_LETTERS, "REQUEST_DEAD_LETTER_QUEUE_URL"),
        (RESPONSE_DEAD_LETTERS, "RESPONSE_DEAD_LETTER_QUEUE_URL"),
    ],
)
def test_a_missing_dead_letter_queue_ends_the_startup_of_its_consumer(bare: System, queue: str, setting: str):
    bare.sqs.delete_queue(QueueUrl=bare.queue_url(queue))
    words = exit_message(bare, "dead-letter consumer")
    assert f"{setting}={bare.queue_url(queue)} can't be used: the queue doesn't exist" in words
    assert "Traceback" not in words


@pytest.mark.parametrize("process", START_ALL)
@pytest.mark.parametrize(("kind", "setting"), [("expired", "AWS_SESSION_TOKEN"), ("skewed", "clock")])
def test_expired_credentials_and_a_wrong_clock_end_the_startup(bare: System, process: str, kind: str, setting: str):
    bare.fault(kind)
    words = exit_message(bare, process)
    assert setting in words
    assert "Traceback" not in words


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
