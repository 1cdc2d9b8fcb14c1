"""A request becomes a dead letter and a row, and is classified after `manage.py redrive`."""

from tests.system.conftest import StartSystem
from tests.system.harness import DEAD_LETTERS, REQUESTS, System, wait_until
from tests.system.photos import post, read

NOTICE_SECONDS = 60  # The consumer looks at each queue at least every 20 s.
FINISH_SECONDS = 120


def exhaust(system: System) -> None:
    """Receive the request, like crashing workers, until it is a dead letter."""
    url = system.queue_url(REQUESTS)
    while system.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages"):
        pass


def test_a_dead_request_fails_and_is_redriven(start_system: StartSystem):
    system = start_system()
    with system.client() as client:
        id = post(client, "coffee.png")
        system.sqs.send_message(QueueUrl=system.queue_url(REQUESTS), MessageBody="no task at all")
        system.wait_until_sent(2)
        exhaust(system)
        system.start_dead_letter_consumer("letters1")
        wait_until(lambda: read(client, id)["state"] == "failed", NOTICE_SECONDS, "the request's death is noticed")
        assert read(client, id)["error_code"] == "dead_letter"
        wait_until(lambda: [system.depth(queue) for queue in DEAD_LETTERS] == [(0, 0)] * 2, NOTICE_SECONDS, "none left")
        assert system.log("letters1").count("dead letter stored") == 2

        output = system.python("manage.py", "redrive", "--all", status=1)
        assert "1 redriven" in output
        assert "1 not redriven" in output
        system.start_worker("worker1")
        wait_until(lambda: read(client, id)["state"] == "done", FINISH_SECONDS, "the request is answered")
        assert read(client, id)["label"] == "espresso"
        assert system.terminate("letters1", seconds=10) == 0
