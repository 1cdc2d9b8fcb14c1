"""The mended SQS transport: after a fault of SQS the consumer receives again; acknowledgements go in batches."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from kombu import Connection, Consumer, Queue
from kombu.asynchronous import Hub, get_event_loop, set_event_loop

from infra.local import resources
from project import env, transport
from project.aws import sqs
from project.celery import app
from tests.environment import AWS_URL

QUEUE = resources.REQUESTS.name
PASS, SWALLOW = 200, 0


class Proxy(ThreadingHTTPServer):
    """Stands before the emulator and passes requests on, or answers `fault`, or swallows them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.fault = PASS
        self.deletes = 0
        self.faults = 0
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    server: Proxy

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fault = self.server.fault
        self.server.deletes += self.headers.get("X-Amz-Target", "").endswith(".DeleteMessageBatch")
        if fault == PASS:
            answer = httpx.post(AWS_URL + self.path, content=body, headers=dict(self.headers.items()), timeout=30)
            self._answer(answer.status_code, answer.content)
            return
        self.server.faults += 1
        if fault == SWALLOW:
            time.sleep(30)
        else:
            self._answer(fault, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    server = Proxy()
    yield server
    server.shutdown()


class Receiving:
    """A consumer on an event loop, as a worker has one."""

    def __init__(self, hub: Hub, consumer: Consumer) -> None:
        self.hub, self.consumer, self.messages = hub, consumer, []
        consumer.register_callback(lambda _, message: self.messages.append(message))
        self._loop = hub.create_loop()

    def until(self, happened, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < deadline, "it did not happen"
            self.hub.call_later(0.05, lambda: None)  # so that the loop comes back
            next(self._loop)


@contextmanager
def receiving(url: str, monkeypatch: pytest.MonkeyPatch, prefetch: int = 10) -> Iterator[Receiving]:
    # kombu's requests go where boto3's do.
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    previous, hub = get_event_loop(), Hub()
    set_event_loop(hub)
    options = {
        "region": "us-east-1",
        "wait_time_seconds": 1,
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


@pytest.mark.parametrize("fault", [500, 503, 400, 403, SWALLOW])
def test_after_a_fault_the_consumer_receives_again(aws, proxy, monkeypatch, fault):
    monkeypatch.setattr(transport, "RETRY_SECONDS", 0.1)
    monkeypatch.setattr(transport, "RECEIVE_SLACK_SECONDS", 1)
    with receiving(proxy.url, monkeypatch) as consumer:
        proxy.fault = fault
        consumer.until(lambda: proxy.faults >= 1)
        proxy.fault = PASS
        monkeypatch.setenv("AWS_ENDPOINT_URL", AWS_URL)
        put()
        consumer.until(lambda: consumer.messages)
    assert len(consumer.messages) == 1


def test_acknowledged_messages_are_deleted_ten_a_call(aws, proxy, monkeypatch):
    put(25)
    with receiving(proxy.url, monkeypatch, prefetch=25) as consumer:
        consumer.until(lambda: len(consumer.messages) == 25)
        for message in consumer.messages:
            message.ack()
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    left = sqs().get_queue_attributes(QueueUrl=env.aws().request_queue_url, AttributeNames=names)["Attributes"]
    assert set(left.values()) == {"0"}
    assert proxy.deletes <= 4


def test_a_full_consumer_takes_no_more_until_there_is_room(aws, proxy, monkeypatch):
    put(5)
    with receiving(proxy.url, monkeypatch, prefetch=2) as consumer:
        consumer.until(lambda: len(consumer.messages) == 2)
        started = time.monotonic()
        consumer.until(lambda: time.monotonic() > started + 0.5)
        assert len(consumer.messages) == 2
        for message in list(consumer.messages):
            message.ack()
        consumer.until(lambda: len(consumer.messages) >= 4)


@pytest.mark.parametrize("body", ["[" * 100_000, '{"properties": null}', '{"properties": {"delivery_info": []}}'])
def test_a_message_that_cannot_be_read_is_left_lying_and_the_next_is_received(aws, proxy, monkeypatch, body):
    sqs().send_message(QueueUrl=env.aws().request_queue_url, MessageBody=body)
    put()
    with receiving(proxy.url, monkeypatch, prefetch=1) as consumer:
        consumer.until(lambda: [one for one in consumer.messages if one.headers])
    assert proxy.deletes == 0


def test_a_message_that_lies_of_its_queue_is_deleted_from_the_one_it_came_from(aws, proxy, monkeypatch):
    lie = {"body": "{}", "properties": {"delivery_info": {"routing_key": 7}, "delivery_tag": "x"}}
    sqs().send_message(QueueUrl=env.aws().request_queue_url, MessageBody=json.dumps(lie))
    with receiving(proxy.url, monkeypatch) as consumer:
        consumer.until(lambda: consumer.messages)
        consumer.messages[0].ack()
    assert proxy.deletes == 1
