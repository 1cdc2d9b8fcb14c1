"""A worker pauses receiving while AWS is unavailable, and resumes as soon as it is available again."""

import time

import pytest
from botocore.exceptions import ClientError

from infra.local import faults
from workers.pausing import Pause

ERROR = ClientError({"Error": {"Code": "SlowDown", "Message": "Slower."}}, "GetObject")


def wait_until(happened, seconds=20):
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_there_is_no_pause_without_a_reason():
    assert not Pause()


@pytest.mark.parametrize("service", ["s3", "sqs"])
def test_a_pause_lasts_until_aws_is_available(proxied, service):
    proxied.fault = faults.Fault("error", service)
    pause = Pause()
    pause.begin(ERROR)
    wait_until(lambda: proxied.struck)
    assert pause
    proxied.fault = faults.Fault()
    wait_until(lambda: not pause)


def test_many_failures_at_once_are_one_pause(proxied):
    pause = Pause()
    for _ in range(20):
        pause.begin(ERROR)
    wait_until(lambda: not pause)
    assert proxied.passed == {"GET": 2, "GetQueueAttributes": 3}
