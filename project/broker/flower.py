"""Flower on events that come over SQS: `celery -A project.broker.flower flower`.

Flower asks workers for their details over pidbox, which SQS can't carry, and imports Celery's own
event receiver. Here it gets ours, and the details that heartbeats bring. Run one Flower only: the
event queue hands each message to one reader. Remote control (revoke, shutdown) stays off.
"""

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Any

import flower.app
import flower.events
import flower.views
from flower.inspector import Inspector

from project import env, logs
from project.aws.clients import TIMEOUTS, sqs
from project.aws.queues import name_of
from project.aws.startup import check_queues
from project.broker import events
from project.broker.celery import app

__all__ = ["app"]  # where `celery -A` looks for it

logs.configure()  # Celery's signal for it never comes: Flower sets up no logging of Celery's.
# Flower has no event loop of kombu's, so it long-polls through the client that others only send with.
app.conf.broker_transport_options = {**app.conf.broker_transport_options, "client-config": TIMEOUTS}


class HeartbeatInspector(Inspector):
    """Keeps what heartbeats say of workers, in the place where Flower keeps the answers of pidbox."""

    current: "HeartbeatInspector | None" = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        HeartbeatInspector.current = self

    def inspect(self, workername: str | None = None) -> "asyncio.Future[None]":
        """Ask nobody: the next heartbeat brings it."""
        future: asyncio.Future[None] = asyncio.get_event_loop().create_future()
        future.set_result(None)
        return future

    def keep(self, worker: str, details: dict[str, Any]) -> None:
        for method in self.inspect_methods:
            if method in details:
                self._on_update(worker, method, details[method])
            else:
                self.workers[worker].setdefault(method, {} if method == "conf" else [])

    def forget(self, worker: str) -> None:
        self.workers.pop(worker, None)


class Receiver(events.Receiver):
    """Hands a heartbeat's details to the inspector before the event goes its way."""

    def process(self, type: str, event: dict[str, Any]) -> None:
        details = event.pop("inspect", None)
        inspector = HeartbeatInspector.current
        if inspector is not None:
            if details:
                inspector.io_loop.add_callback(partial(inspector.keep, event["hostname"], details))
            if type == "worker-offline":
                inspector.io_loop.add_callback(partial(inspector.forget, event["hostname"]))
        super().process(type, event)


class QueueLengths:
    """Flower's view of the broker: the request queue and the event queue, with their lengths."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what Flower passes to a broker of its own; the queues' addresses come from the environment."""

    async def queues(self, names: Iterable[str]) -> list[dict[str, Any]]:
        return await asyncio.get_running_loop().run_in_executor(None, self._lengths)

    def _lengths(self) -> list[dict[str, Any]]:
        return [self._length(url) for url in env.aws().queue_urls.values()]

    def _length(self, url: str) -> dict[str, Any]:
        counts = sqs().get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        )["Attributes"]
        return {
            "name": name_of(url),
            "messages": int(counts["ApproximateNumberOfMessages"]),
            "unacked": int(counts["ApproximateNumberOfMessagesNotVisible"]),
        }


# The buckets are none of its business, and its role may not see them.
check_queues(env.aws().queue_urls)
flower.events.EventReceiver = Receiver
flower.app.Inspector = HeartbeatInspector
flower.views.Broker = QueueLengths
