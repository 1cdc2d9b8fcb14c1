"""S3 or SQS fails for half a minute, in several ways: uploads are refused or accepted, and the system recovers."""

import time
from itertools import cycle

import httpx
import pytest

from tests.system.conftest import StartSystem
from tests.system.harness import REQUESTS, SHORT_VISIBILITY, System, answers, wait_until
from tests.system.photos import ADDRESS, RIGHT, check_all_done_and_right, content, post

OUTAGE_SECONDS = 30
PAUSE_SECONDS = 0.5


def post_while_unavailable(system: System, client: httpx.Client, until: float) -> list[str]:
    """Post pictures one after another; return the ids of the accepted ones."""
    ids = []
    names = cycle(RIGHT)
    while time.monotonic() < until:
        name = next(names)
        answer = client.post(ADDRESS, files={"file": (name, content(name))})
        if answer.status_code == 202:
            ids.append(answer.json()["id"])
        else:
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["Retry-After"]) > 0
            assert answer.json()["type"] == "urn:problem:unavailable"
        time.sleep(PAUSE_SECONDS)
    return ids


@pytest.mark.parametrize("kind", ["error", "slow_down", "timeout", "reset"])
@pytest.mark.parametrize("service", ["s3", "sqs"])
def test_accepted_pictures_are_done_when_aws_is_available_again(start_system: StartSystem, service: str, kind: str):
    system = start_system(workers=0, proxy=True)
    system.set_queue(REQUESTS, VisibilityTimeout=SHORT_VISIBILITY)
    system.start_worker("worker1")
    system.wait_until_ready()
    with system.client(timeout=60) as client:
        ids = [post(client, name) for name in RIGHT]
        system.fault(kind, service=service)
        ids += post_while_unavailable(system, client, time.monotonic() + OUTAGE_SECONDS)
        system.fault("none")
        time.sleep(1)
        system.python("manage.py", "resubmit_stale", STALE_AFTER_SECONDS="1")
        check_all_done_and_right(system, client, ids)
    for name in ("worker1", "web", "results1"):
        assert system.processes[name].poll() is None
        assert "Traceback" not in system.log(name)


def test_a_site_that_starts_while_aws_is_silent_is_healthy_soon(start_system: StartSystem):
    """A load balancer would end an instance that doesn't answer it."""
    system = start_system(proxy=True)
    system.kill("web")
    system.fault("timeout")
    system.start_web()
    wait_until(lambda: answers(f"{system.site}/healthz"), 40, "the site answers")
    with system.client() as client:
        assert client.get(ADDRESS).status_code == 200
