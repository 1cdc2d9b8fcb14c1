"""The results consumer: announced results are written into their rows, and unreadable messages don't block others."""

import json
import signal
from dataclasses import replace
from uuid import uuid4

import pytest
from django.db import DatabaseError

from classify_app.models import Classification, State
from classify_app.results.consumer import settle
from project import env
from project.aws import queues
from project.aws.clients import sqs
from project.contract import announcement
from tests.records import announce, command_running, done, failed, missing_table, row
from tests.system.harness import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("aws"), pytest.mark.postgresql]


def post(text):
    sqs().send_message(QueueUrl=env.aws().response_queue_url, MessageBody=text)


def messages_left():
    """Return how many messages are on the response queue, hidden ones too."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = sqs().get_queue_attributes(QueueUrl=env.aws().response_queue_url, AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)


def consume_once():
    url = env.aws().response_queue_url
    queues.delete(url, settle(queues.receive(url, wait_seconds=0)))


def announced(**changes):
    """Return an announcement of a row's record, changed in its JSON."""
    document = json.loads(announcement(done(row(file_name="odd.png"))))
    document["record"].update(changes)
    return json.dumps(document)


def test_an_announced_result_is_written_and_its_message_deleted():
    good, bad = row(), row()
    announce(done(good))
    announce(failed(bad))
    consume_once()
    assert [Classification.objects.get(id=one.id).state for one in (good, bad)] == [State.DONE, State.FAILED]
    assert messages_left() == 0


def test_a_repeat_is_deleted_and_changes_nothing():
    queued = row()
    announce(done(queued))
    announce(failed(queued))
    consume_once()
    announce(done(queued, label="other"))
    consume_once()
    queued.refresh_from_db()
    assert queued.label in ("tabby", "")  # whichever of the first two came first
    assert messages_left() == 0


def test_a_result_without_a_row_is_deleted():
    announce(replace(done(row()), id=str(uuid4())))
    consume_once()
    assert messages_left() == 0
    assert Classification.objects.get().state == State.QUEUED


@pytest.mark.parametrize(
    "unreadable",
    [
        pytest.param(lambda: "nonsense", id="not JSON"),
        pytest.param(lambda: "[" * 100_000, id="nested without end"),
        pytest.param(lambda: '{"Type": "Notification"}', id="another system's"),
        pytest.param(lambda: '{"version": 2, "record": {"mood": "good"}}', id="of a newer version"),
        pytest.param(lambda: announced(version=2), id="with a record of a newer version"),
        pytest.param(lambda: announced(id="cat"), id="with a bad id"),
        pytest.param(lambda: announced(id=7), id="with a number for an id"),
        pytest.param(lambda: announced(finished_at=None), id="without a time"),
        pytest.param(lambda: announced(thumbnail=None), id="with null for a thumbnail"),
        pytest.param(lambda: announced(thumbnail="%%%"), id="with a bad thumbnail"),
        pytest.param(lambda: announced(confidence="high"), id="with a word for a confidence"),
        pytest.param(lambda: announced(confidence=float("nan")), id="with a confidence that is no number"),
        pytest.param(lambda: announced(label=["tabby"]), id="with a list for a label"),
        pytest.param(
            lambda: announced(top5=[{"label": "tabby", "index": "one", "confidence": 1.0}]), id="in its top 5"
        ),
        pytest.param(lambda: announced(error="\ud800"), id="with half a character"),
    ],
)
def test_an_unreadable_message_stays_and_does_not_block_others(unreadable):
    before, after = row(), row()
    announce(done(before))
    post(unreadable())
    announce(done(after))
    consume_once()
    assert [Classification.objects.get(id=one.id).state for one in (before, after)] == [State.DONE, State.DONE]
    assert messages_left() == 1
    assert not Classification.objects.filter(file_name="odd.png").exclude(state=State.QUEUED).exists()


@pytest.mark.parametrize("change", [{"label": "l" * 200}, {"error": "a\0b"}])
def test_a_result_that_the_database_refuses_does_not_block_others(change):
    queued = row()
    post(announced(**change))
    announce(done(queued))
    consume_once()  # SQLite refuses less than PostgreSQL.
    queued.refresh_from_db()
    assert queued.state == State.DONE


def test_while_the_database_fails_nothing_is_deleted():
    announce(done(row()))
    with missing_table(), pytest.raises(DatabaseError):
        consume_once()
    assert messages_left() == 1


def test_ten_results_are_received_at_a_time():
    rows = [row() for _ in range(12)]
    for one in rows:
        announce(done(one))
    consume_once()
    consume_once()
    assert Classification.objects.filter(state=State.DONE).count() == 12
    assert messages_left() == 0


@pytest.fixture
def consumer(proxied):
    # A poll is open for as long as a busy machine may stall.
    with command_running("consume_results", "consuming results", LONG_POLL_SECONDS="10") as process:
        yield process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_writes_results_until_a_signal_stops_it(proxied, consumer, number):
    wait_until(lambda: proxied.passed["ReceiveMessage"], 40, "a poll is open")
    polls, queued = proxied.passed["ReceiveMessage"], row()
    announce(done(queued))
    wait_until(lambda: proxied.passed["DeleteMessageBatch"], 40, "the result is taken")
    queued.refresh_from_db()
    assert queued.state == State.DONE

    wait_until(lambda: proxied.passed["ReceiveMessage"] > polls, 40, "the next poll is open")
    consumer.send_signal(number)
    late = row()
    announce(done(late))  # The open poll gets it.
    assert consumer.wait(40) == 0
    late.refresh_from_db()
    assert late.state == State.DONE
    assert messages_left() == 0
