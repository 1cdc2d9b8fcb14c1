"""A request becomes a dead letter and a row, blames no picture, and is classified after `manage.py redrive`."""

from functools import partial

from tests.system.conftest import StartSystem
from tests.system.harness import DEAD_LETTERS, REQUESTS, SHORT_VISIBILITY, System, wait_until
from tests.system.photos import RIGHT, check_all_done_and_right, post, read

NOTICE_SECONDS = 60  # The consumer looks at each queue at least every 20 s.
FINISH_SECONDS = 120


IMPATIENT = """
import project.broker.transport as transport
from project.broker.celery import BACKOFF
transport.RETRY_SECONDS = ()
BACKOFF.update({1: 1, 2: 1, 3: 1, 4: 1})
"""
"""Workers soon use up a message's receives."""

REDRIVE_NOW = """
from django.utils import timezone
from classify_app.models import DeadLetter
DeadLetter.objects.update(redrive_at=timezone.now())
"""


def exhaust(system: System) -> None:
    """Receive the request, like crashing workers, until it is a dead letter."""
    url = system.queue_url(REQUESTS)
    while system.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages"):
        pass


def test_a_dead_request_stays_queued_and_is_redriven(start_system: StartSystem):
    system = start_system()
    with system.client() as client:
        id = post(client, "coffee.png")
        system.sqs.send_message(QueueUrl=system.queue_url(REQUESTS), MessageBody="no task at all")
        system.wait_until_sent(2)
        exhaust(system)
        system.start_dead_letter_consumer("letters1")
        wait_until(lambda: [system.depth(queue) for queue in DEAD_LETTERS] == [(0, 0)] * 2, NOTICE_SECONDS, "none left")
        assert system.log("letters1").count("dead letter stored") == 2
        assert read(client, id)["state"] == "queued"

        output = system.python("manage.py", "redrive", "--all", status=1)
        assert "1 redriven" in output
        assert "1 not redriven" in output
        system.start_worker("worker1")
        wait_until(lambda: read(client, id)["state"] == "done", FINISH_SECONDS, "the request is answered")
        assert read(client, id)["label"] == "espresso"
        assert system.terminate("letters1", seconds=10) == 0


def test_pictures_whose_records_s3_refuses_for_five_receives_are_done_in_the_end(start_system: StartSystem):
    system = start_system(workers=0)
    system.in_workers(IMPATIENT)
    system.set_queue(REQUESTS, VisibilityTimeout=SHORT_VISIBILITY)
    system.start_dead_letter_consumer("letters1")
    system.start_proxy()  # only for the worker
    system.fault("error", service="s3", operation="PUT")
    system.start_worker("worker1")
    with system.client() as client:
        ids = [post(client, name) for name in RIGHT]
        died = partial(system.log, "letters1")
        wait_until(lambda: died().count("dead letter stored") == len(ids), FINISH_SECONDS, "all messages died")
        assert {read(client, id)["state"] for id in ids} == {"queued"}
        system.fault("none")
        system.python("manage.py", "shell", "-c", REDRIVE_NOW)
        assert f"{len(ids)} recovered" in system.python("manage.py", "resubmit_stale", STALE_AFTER_SECONDS="1")
        check_all_done_and_right(system, client, ids)
