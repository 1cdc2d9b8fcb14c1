"""Celery events over one plain SQS queue, so that Flower shows workers and tasks.

Celery publishes events to a topic exchange, which SQS doesn't have. Here a worker collects events for a second and
sends them as one message, a JSON list, which EventReceiver understands. The details that Flower would request over
pidbox (statistics, registered tasks, queues) are sent with the heartbeats.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import structlog
from celery import bootsteps
from celery.app.events import Events as CeleryEvents
from celery.events.dispatcher import EventDispatcher
from celery.events.event import Event, group_from
from celery.events.receiver import EventReceiver
from celery.utils.time import utcoffset
from kombu import Producer, Queue
from kombu.utils.json import dumps

from project import env
from project.aws.queues import name_of

log = structlog.get_logger()

LINGER_SECONDS = 1.0
MAX_PENDING = 20_000
MAX_BYTES = 240_000  # of a batch inside its message; SQS allows 262,144 including the envelope
CLOSE_SECONDS = 5


def event_queue() -> Queue:
    name = name_of(env.aws().event_queue_url)
    return Queue(name, exchange="", routing_key=name, durable=True, auto_delete=False)


class Dispatcher(EventDispatcher):
    """Sends events from a thread of its own, so that the consumer never waits for SQS."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._pending: deque[dict[str, Any]] = deque(maxlen=MAX_PENDING)
        self._closing = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self.details: Callable[[], dict[str, Any]] = dict
        """Returns the additional fields of worker-online and worker-heartbeat."""
        super().__init__(*args, **kwargs)

    def send(self, type: str, blind: bool = False, **fields: Any) -> None:
        if not self.enabled or (self.groups and group_from(type) not in self.groups):
            return
        for option in ("retry", "retry_policy", "Event"):
            fields.pop(option, None)
        if type in ("worker-online", "worker-heartbeat"):
            fields.update(self.details())
        clock = None if blind else self.clock.forward()
        self._pending.append(
            Event(type, hostname=self.hostname, utcoffset=utcoffset(), pid=self.pid, clock=clock, **fields)
        )
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sqs-events", daemon=True)
            self._thread.start()
        self._wake.set()

    def flush(self, errors: bool = True, groups: bool = True) -> None:
        self._wake.set()

    def close(self) -> None:
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)
        self.producer = None

    def _run(self) -> None:
        with self.app.connection_for_write() as connection:
            running = True
            while running:
                self._wake.wait()
                self._wake.clear()
                running = not self._closing.wait(LINGER_SECONDS)
                for batch in self._batches():
                    self._publish_batch(connection, batch)

    def _batches(self) -> list[list[dict[str, Any]]]:
        """Return the events that are pending now, in batches that fit into a message."""
        batches: list[list[dict[str, Any]]] = []
        free_bytes = 0
        for _ in range(len(self._pending)):
            event = self._pending.popleft()
            # The body is a string inside JSON: every quote in it is escaped.
            size = len(dumps(dumps(event))) + len(", ")
            if size > free_bytes:
                batches.append([])
                free_bytes = MAX_BYTES - len("[]")
            batches[-1].append(event)
            free_bytes -= size
        return batches

    def _publish_batch(self, connection: Any, batch: list[dict[str, Any]]) -> None:
        try:
            with connection.channel() as channel:
                Producer(channel).publish(
                    batch, exchange="", routing_key=event_queue().name, serializer="json", headers=self.headers
                )
        except Exception as error:  # noqa: BLE001 -- no error in monitoring may stop the worker
            log.warning("events dropped", count=len(batch), error=str(error))


class Receiver(EventReceiver):
    """Receives events from the queue and acknowledges them, because kombu's no_ack path needs an event loop."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.queue = event_queue()

    def get_consumers(self, Consumer: Any, channel: Any) -> list[Any]:  # noqa: N803 -- Celery's name
        return [Consumer(queues=[self.queue], callbacks=[self._on_message], accept=self.accept, prefetch_count=10)]

    def _on_message(self, body: Any, message: Any) -> None:
        try:
            self._receive(body, message)
        finally:
            message.ack()

    def wakeup_workers(self, channel: Any = None) -> None:
        """Do nothing: Celery would broadcast over pidbox, which SQS doesn't support."""


class Events(CeleryEvents):
    receiver_cls = "project.broker.events:Receiver"
    dispatcher_cls = "project.broker.events:Dispatcher"


class WorkerDetails(bootsteps.StartStopStep):
    """Adds the details that Flower shows of a worker to its heartbeats."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        def details() -> dict[str, Any]:
            stats = consumer.controller.stats()
            stats.pop("rusage", None)
            stats.get("broker", {}).pop("transport_options", None)
            return {
                "inspect": {
                    "stats": stats,
                    "registered": sorted(name for name in consumer.app.tasks if not name.startswith("celery.")),
                    "active_queues": [dict(queue.as_dict(recurse=True)) for queue in consumer.task_consumer.queues],
                }
            }

        consumer.event_dispatcher.details = details
        consumer.event_dispatcher.send("worker-heartbeat", freq=HEARTBEAT_SECONDS)


HEARTBEAT_SECONDS = 30
