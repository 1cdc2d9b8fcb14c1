"""The consumers' loop: queues take turns, and nothing is received while the database is unavailable."""

import signal
import subprocess
import sys

import pytest

from classify_app.results.polling import poll
from infra.local.ports import free_ports
from project.aws import queues
from project.aws.clients import sqs
from project.stopping import Stop
from tests.configuration import configured
from tests.conftest import ROOT
from tests.environment import QUEUES
from tests.letters import REQUESTS, RESPONSES, dead_url
from tests.records import environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("aws"), pytest.mark.postgresql]


@pytest.fixture
def stop():
    """A stop on SIGTERM, which this process survives."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield Stop.on_signals()
    for number, handler in handlers.items():
        signal.signal(number, handler)


def all_is_taken(stop, urls):
    """Poll queues, of which that of dead requests is full, until all is taken; tell whether each message was."""
    sent, taken = {str(number) for number in range(50)}, []
    for body in sent:
        queues.send(dead_url(REQUESTS), body)

    def settle(messages):
        taken.extend(message["Body"] for message in messages)
        if len(taken) == len(sent):
            signal.raise_signal(signal.SIGTERM)
        return messages

    poll(stop, dict.fromkeys(urls, settle))
    return set(taken) == sent


@pytest.mark.parametrize("order", [(REQUESTS, RESPONSES), (RESPONSES, REQUESTS)])
@pytest.mark.timeout(30)  # One long poll may come first; five would take 50 s.
def test_an_empty_queue_does_not_delay_a_full_one(stop, order):
    with configured(LONG_POLL_SECONDS="10"):
        assert all_is_taken(stop, [dead_url(queue) for queue in order])


@pytest.mark.parametrize("missing_first", [True, False])
@pytest.mark.timeout(30)
def test_an_aws_error_for_one_queue_does_not_delay_another(stop, missing_first):
    urls = sorted([f"{QUEUES}/none", dead_url(REQUESTS)], reverse=not missing_first)
    assert all_is_taken(stop, urls)


def test_while_the_database_is_unavailable_nothing_is_received():
    queues.send(dead_url(REQUESTS), "nonsense")
    unavailable = f"postgres://nobody@127.0.0.1:{free_ports(1)[0]}/none"
    consumer = subprocess.Popen(
        [sys.executable, "manage.py", "consume_dead_letters"],
        cwd=ROOT,
        env=environment(DATABASE_URL=unavailable),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while "database unavailable, nothing is received" not in consumer.stderr.readline():
            assert consumer.poll() is None
    finally:
        consumer.kill()
        consumer.communicate()
    [message] = queues.receive(dead_url(REQUESTS), wait_seconds=0)
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    sqs().delete_message(QueueUrl=dead_url(REQUESTS), ReceiptHandle=message["ReceiptHandle"])
