"""The SQS transport: the consumer recovers from faults of SQS, and acknowledges in batches."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from kombu import Connection, Consumer, Queue
from kombu.asynchronous import Hub, get_event_loop, set_event_loop

from infra.local import faults, resources
from project import env
from project.aws import queues
from project.aws.clients import sqs
from project.broker import transport
from project.broker.celery import app
from tests.environment import AWS_URL

QUEUE = resources.REQUESTS.name
FAULTS = ("error", "slow_down", "throttled", "denied", "expired", "skewed", faults.TIMEOUT, faults.RESET)


@pytest.fixture
def proxy() -> Iterator[faults.Proxy]:
    server = faults.Proxy(AWS_URL)
    server.start()
    yield server
    server.shutdown()


class Receiving:
    """A consumer on an event loop, as a worker has one."""

    def __init__(self, hub: Hub, consumer: Consumer) -> None:
        self.hub, self.consumer, self.messages = hub, consumer, []
        self.channel: transport.Channel = consumer.channel
        consumer.register_callback(lambda _, message: self.messages.append(message))
        self._loop = hub.create_loop()

    def until(self, happened, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < deadline, "it did not happen"
            self.hub.call_later(0.02, lambda: None)  # so that next() returns soon
            next(self._loop)

    def during(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > end)


@contextmanager
def receiving(
    url: str, monkeypatch: pytest.MonkeyPatch, prefetch: int = 10, wait_seconds: int = 1
) -> Iterator[Receiving]:
    # kombu's requests go where boto3's do.
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    previous, hub = get_event_loop(), Hub()
    set_event_loop(hub)
    options = {
        "region": "us-east-1",
        "wait_time_seconds": wait_seconds,
        "polling_interval": 0,
        "sqs_base64_encoding": False,
        "predefined_queues": {QUEUE: {"url": f"{url}/000000000000/{QUEUE}"}},
    }
    try:
        with Connection("sqsbatch://", transport_options=options) as connection:
            connection.transport.register_with_event_loop(connection.transport, hub)
            channel = connection.channel()
            consumer = Consumer(channel, [Queue(QUEUE, exchange="", routing_key=QUEUE)], prefetch_count=prefetch)
            consumer.qos(prefetch_count=prefetch)
            with consumer:
                yield Receiving(hub, consumer)
    finally:
        set_event_loop(previous)


def put(count: int = 1) -> None:
    for number in range(count):
        app.send_task("any task", args=[number])


@pytest.mark.parametrize("kind", FAULTS)
def test_after_a_fault_the_consumer_receives_again(aws, proxy, monkeypatch, kind):
    monkeypatch.setattr(transport, "RECEIVE_SLACK_SECONDS", 1)
    with receiving(proxy.url, monkeypatch) as consumer:
        proxy.fault = faults.Fault(kind)
        consumer.until(lambda: proxy.struck.get("ReceiveMessage"))
        proxy.fault = faults.Fault()
        monkeypatch.setenv("AWS_ENDPOINT_URL", AWS_URL)
        put()
        consumer.until(lambda: consumer.messages)
    assert len(consumer.messages) == 1


def test_acknowledged_messages_are_deleted_ten_per_call(aws, proxy, monkeypatch):
    put(25)
    with receiving(proxy.url, monkeypatch, prefetch=25) as consumer:
        consumer.until(lambda: len(consumer.messages) == 25)
        for message in consumer.messages:
            message.ack()
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    left = sqs().get_queue_attributes(QueueUrl=env.aws().request_queue_url, AttributeNames=names)["Attributes"]
    assert set(left.values()) == {"0"}
    assert proxy.passed["DeleteMessageBatch"] <= 4


def test_a_full_consumer_receives_nothing_until_a_place_is_free(aws, proxy, monkeypatch):
    put(5)
    with receiving(proxy.url, monkeypatch, prefetch=2) as consumer:
        consumer.until(lambda: len(consumer.messages) == 2)
        consumer.during(0.5)
        assert len(consumer.messages) == 2
        for message in list(consumer.messages):
            message.ack()
        consumer.until(lambda: len(consumer.messages) >= 4)


def test_a_busy_consumer_receives_ten_at_a_time(aws, proxy, monkeypatch):
    put(60)
    with receiving(proxy.url, monkeypatch, prefetch=20) as consumer:
        consumer.until(lambda: len(consumer.messages) == 20)
        before = proxy.passed["ReceiveMessage"]
        for number in range(40):
            consumer.messages[number].ack()
            consumer.during(0.02)
        consumer.until(lambda: len(consumer.messages) == 60)
        assert proxy.passed["ReceiveMessage"] - before <= 8


def test_a_paused_consumer_receives_nothing(aws, proxy, monkeypatch):
    with receiving(proxy.url, monkeypatch) as consumer:
        consumer.until(lambda: proxy.passed.get("ReceiveMessage"))
        consumer.channel.may_receive = lambda: False
        consumer.until(lambda: not consumer.channel.open_receives)
        put()
        consumer.during(0.5)
        assert consumer.messages == []
        consumer.channel.may_receive = lambda: True
        consumer.until(lambda: consumer.messages)


def test_few_free_places_are_filled_after_a_wait(aws, proxy, monkeypatch):
    put(11)
    with receiving(proxy.url, monkeypatch, prefetch=10) as consumer:
        consumer.until(lambda: len(consumer.messages) == 10)
        consumer.messages[0].ack()
        consumer.until(lambda: len(consumer.messages) == 11)


def test_the_consumer_retries_refused_connections(aws, proxy, monkeypatch):
    port = proxy.server_port
    with receiving(proxy.url, monkeypatch) as consumer:
        consumer.until(lambda: proxy.passed.get("ReceiveMessage"))
        proxy.shutdown()
        proxy.server_close()
        consumer.during(3)
        again = faults.Proxy(AWS_URL, port)
        again.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", AWS_URL)
        put()
        consumer.until(lambda: consumer.messages)
    again.shutdown()  # after the consumer, which releases its message through it
    assert len(consumer.messages) == 1


def depth() -> tuple[int, int]:
    """Return the number of messages that are visible, and that are in flight."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs().get_queue_attributes(QueueUrl=env.aws().request_queue_url, AttributeNames=names)["Attributes"]
    return int(found[names[0]]), int(found[names[1]])


def test_messages_are_in_flight_until_they_are_acknowledged_or_rejected(aws, proxy, monkeypatch):
    put(5)
    with receiving(proxy.url, monkeypatch) as consumer:
        consumer.until(lambda: len(consumer.messages) == 5)
        for message in consumer.messages[:2]:
            message.ack()
        assert sorted(consumer.channel.in_flight) == sorted(message.delivery_tag for message in consumer.messages[2:])


def received_again() -> list[dict]:
    """Receive what is visible; return each message's task, with its receive count."""
    url = env.aws().request_queue_url
    found = []
    while messages := queues.receive(url, wait_seconds=0):
        for message in messages:
            found.append(json.loads(message["Body"]))
            found[-1]["receives"] = int(message["Attributes"]["ApproximateReceiveCount"])
    return found


def test_messages_received_after_a_cancel_are_visible_at_once_and_count_as_never_received(aws, proxy, monkeypatch):
    with receiving(proxy.url, monkeypatch, wait_seconds=10) as consumer:
        consumer.until(lambda: proxy.passed.get("ReceiveMessage"))
        assert consumer.channel.open_receives == 1
        consumer.consumer.cancel()
        put(3)
        consumer.until(lambda: not consumer.channel.open_receives)
        assert [task["receives"] for task in received_again()] == [1] * 3
    assert consumer.messages == []
    assert depth() == (0, 3)  # no original is left


def test_a_copy_of_what_was_received_before_is_suspicious(aws, proxy, monkeypatch):
    put(2)
    for message in queues.receive(env.aws().request_queue_url, wait_seconds=0)[:1]:
        queue, handle = env.aws().request_queue_url, message["ReceiptHandle"]
        sqs().change_message_visibility(QueueUrl=queue, ReceiptHandle=handle, VisibilityTimeout=0)
    with receiving(proxy.url, monkeypatch) as consumer:
        consumer.until(lambda: consumer.messages)
        consumer.consumer.cancel()
        consumer.until(lambda: not consumer.channel.open_receives)
        consumer.channel.give_back(consumer.channel.held, queue)
        [again] = received_again()
        assert (again["headers"]["suspicious"], again["receives"]) == (True, 1)


def test_what_is_given_back_while_sqs_takes_no_copies_is_visible_at_once(aws, proxy, monkeypatch):
    put(3)
    with receiving(proxy.url, monkeypatch) as consumer:
        consumer.until(lambda: len(consumer.messages) == 3)
        consumer.consumer.cancel()
        consumer.until(lambda: not consumer.channel.open_receives)
        proxy.fault = faults.Fault("denied", operation="SendMessageBatch")
        consumer.channel.give_back(consumer.channel.held, env.aws().request_queue_url)
        assert [task["receives"] for task in received_again()] == [2] * 3


def reject_as_no_fault_of_its_picture(consumer: Receiving) -> None:
    [message] = consumer.messages
    transport.retry_later(message)
    message.reject()


def test_a_failed_attempt_that_blames_no_picture_counts_as_a_retry_and_not_as_a_receive(aws, proxy, monkeypatch):
    monkeypatch.setattr(transport, "RETRY_SECONDS", (1,))
    put()
    with receiving(proxy.url, monkeypatch) as consumer:
        consumer.until(lambda: consumer.messages)
        reject_as_no_fault_of_its_picture(consumer)
        assert depth()[0] == 0  # it is delayed
        consumer.until(lambda: len(consumer.messages) == 2)
        again = consumer.messages[1]
        attributes = again.delivery_info["sqs_message"]["Attributes"]
        assert (again.headers["retries"], attributes["ApproximateReceiveCount"]) == (1, "1")
        # After the last retry the message itself stays, and SQS counts its receives.
        consumer.messages = [again]
        reject_as_no_fault_of_its_picture(consumer)
        assert consumer.channel.in_flight == []
    assert depth() == (0, 1)


def test_visibility_is_set_ten_per_call(aws, proxy, monkeypatch):
    put(25)
    with receiving(proxy.url, monkeypatch, prefetch=25) as consumer:
        consumer.until(lambda: len(consumer.messages) == 25)
        consumer.consumer.cancel()
        consumer.until(lambda: not consumer.channel.open_receives)
        consumer.channel.set_visibility(consumer.channel.in_flight, 0, env.aws().request_queue_url)
        assert depth() == (25, 0)
    assert proxy.passed["ChangeMessageVisibilityBatch"] >= 3


@pytest.mark.parametrize("body", ["[" * 100_000, '{"properties": null}', '{"properties": {"delivery_info": []}}'])
def test_an_unreadable_message_stays_and_the_next_is_received(aws, proxy, monkeypatch, body):
    sqs().send_message(QueueUrl=env.aws().request_queue_url, MessageBody=body)
    put()
    with receiving(proxy.url, monkeypatch, prefetch=1) as consumer:
        consumer.until(lambda: [one for one in consumer.messages if one.headers])
    assert "DeleteMessageBatch" not in proxy.passed


def test_a_message_with_a_wrong_routing_key_is_deleted_from_its_own_queue(aws, proxy, monkeypatch):
    lie = {"body": "{}", "properties": {"delivery_info": {"routing_key": 7}, "delivery_tag": "x"}}
    sqs().send_message(QueueUrl=env.aws().request_queue_url, MessageBody=json.dumps(lie))
    with receiving(proxy.url, monkeypatch) as consumer:
        consumer.until(lambda: consumer.messages)
        consumer.messages[0].ack()
    assert proxy.passed["DeleteMessageBatch"] == 1
