"""Celery's events over one SQS queue: all arrive, in few messages, none of them larger than SQS takes."""

import time

import pytest
from kombu.utils.json import dumps

from project import env
from project.aws.clients import sqs
from project.broker import events
from project.broker.celery import app

# An event that never comes would cost many long polls.
pytestmark = [pytest.mark.usefixtures("aws"), pytest.mark.timeout(60)]

SQS_MAX_BYTES = 262_144


@pytest.fixture
def dispatcher(monkeypatch):
    """A worker's dispatcher, which gathers events for a tenth of a second."""
    monkeypatch.setattr(events, "LINGER_SECONDS", 0.1)
    sending = events.Dispatcher(hostname="worker@host", enabled=False, app=app)
    sending.enabled = True
    yield sending
    sending.close()


def waiting():
    """Return how many messages are on the event queue."""
    answer = sqs().get_queue_attributes(
        QueueUrl=env.aws().event_queue_url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def received(count):
    """Receive events as Flower does, until there are `count`."""
    arrived = []

    def keep(event):
        arrived.append(event)
        receiver.should_stop = len(arrived) >= count

    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": keep})
        receiver.capture(limit=None, timeout=10, wakeup=True)
    return arrived


def until(happened):
    deadline = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def test_the_application_uses_our_events():
    assert issubclass(app.events.Receiver, events.Receiver)
    assert issubclass(app.events.Dispatcher, events.Dispatcher)


def test_events_arrive_in_order_and_in_few_messages(dispatcher):
    for number in range(300):
        dispatcher.send("task-received", uuid=str(number), name="classify")
    until(lambda: waiting() and not dispatcher._pending)
    assert waiting() <= 5
    events = received(300)
    assert [event["uuid"] for event in events] == [str(number) for number in range(300)]
    assert {(event["type"], event["hostname"]) for event in events} == {("task-received", "worker@host")}


def test_a_received_message_is_acknowledged(dispatcher):
    dispatcher.send("task-received", uuid="1")
    received(1)
    until(lambda: waiting() == 0)
    hidden = sqs().get_queue_attributes(
        QueueUrl=env.aws().event_queue_url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
    )
    assert hidden["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_heartbeats_carry_the_workers_details(dispatcher):
    dispatcher.details = lambda: {"inspect": {"stats": {"pid": 1}}}
    dispatcher.send("worker-heartbeat", freq=30)
    dispatcher.send("task-received", uuid="1")
    heartbeat, task = received(2)
    assert heartbeat["inspect"] == {"stats": {"pid": 1}}
    assert "inspect" not in task


def test_large_events_are_split_into_several_messages(dispatcher):
    for number in range(40):
        dispatcher.send("task-succeeded", uuid=str(number), result="x" * 20_000)
    assert {event["uuid"] for event in received(40)} == {str(number) for number in range(40)}


def test_no_batch_is_larger_than_allowed(dispatcher):
    dispatcher._pending.extend({"uuid": str(number), "result": "x" * 9_000} for number in range(100))
    batches = dispatcher._batches()
    assert [event["uuid"] for batch in batches for event in batch] == [str(number) for number in range(100)]
    assert max(len(dumps(dumps(batch))) for batch in batches) <= events.MAX_BYTES
    assert len(batches) < 10  # and yet they are filled


def test_quotes_and_non_ascii_characters_count_with_their_escaped_size(dispatcher):
    for number in range(40):
        dispatcher.send("task-succeeded", uuid=str(number), result='"ü' * 5_000)
    assert {event["uuid"] for event in received(40)} == {str(number) for number in range(40)}


def test_an_event_that_cannot_be_sent_is_dropped_and_the_rest_arrives(dispatcher):
    dispatcher.send("task-succeeded", uuid="too large", result="x" * SQS_MAX_BYTES * 5)
    until(lambda: not dispatcher._pending)
    dispatcher.send("task-received", uuid="1")
    assert [event["uuid"] for event in received(1)] == ["1"]


def test_closing_sends_pending_events(dispatcher):
    for number in range(20):
        dispatcher.send("task-received", uuid=str(number))
    dispatcher.close()
    assert len(received(20)) == 20


def test_closing_sends_events_added_during_a_send(dispatcher):
    dispatcher.send("worker-online")
    until(lambda: not dispatcher._pending)
    dispatcher.send("worker-offline")
    dispatcher.close()
    assert [event["type"] for event in received(2)] == ["worker-online", "worker-offline"]


def test_a_disabled_dispatcher_sends_nothing(dispatcher):
    dispatcher.enabled = False
    dispatcher.send("task-received", uuid="1")
    dispatcher.close()
    assert waiting() == 0
