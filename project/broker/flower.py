"""Flower with events over SQS: `celery -A project.broker.flower flower`.

Flower requests workers' details over pidbox, which SQS doesn't support, and imports Celery's own event receiver. Here
both are replaced: it uses our receiver, and takes the details from heartbeats. Run only one Flower, because the event
queue delivers each message to one receiver. Remote control (revoke, shutdown) is disabled.
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

__all__ = ["app"]  # `celery -A` finds it here

logs.configure()  # Flower never sends Celery's signal to set up logging.
# Flower doesn't run kombu's event loop, so this client also does the long polls.
app.conf.broker_transport_options = {**app.conf.broker_transport_options, "client-config": TIMEOUTS}


class HeartbeatInspector(Inspector):
    """Stores workers' details from heartbeats where Flower stores the replies of pidbox."""

    current: "HeartbeatInspector | None" = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        HeartbeatInspector.current = self

    def inspect(self, workername: str | None = None) -> "asyncio.Future[None]":
        """Do nothing: the next heartbeat has the details."""
        future: asyncio.Future[None] = asyncio.get_event_loop().create_future()
        future.set_result(None)
        return future

    def store(self, worker: str, details: dict[str, Any]) -> None:
        for method in self.inspect_methods:
            if method in details:
                self._on_update(worker, method, details[method])
            else:
                self.workers[worker].setdefault(method, {} if method == "conf" else [])

    def forget(self, worker: str) -> None:
        self.workers.pop(worker, None)


class Receiver(events.Receiver):
    """Passes a heartbeat's details to the inspector, then processes the event as usual."""

    def process(self, type: str, event: dict[str, Any]) -> None:
        details = event.pop("inspect", None)
        inspector = HeartbeatInspector.current
        if inspector is not None:
            if details:
                inspector.io_loop.add_callback(partial(inspector.store, event["hostname"], details))
            if type == "worker-offline":
                inspector.io_loop.add_callback(partial(inspector.forget, event["hostname"]))
        super().process(type, event)


class QueueLengths:
    """Flower's view of the broker: the queues with their lengths."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Ignore the arguments that Flower passes: the queue URLs come from the environment."""

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


# Only the queues: Flower doesn't use the buckets, and its role has no access to them.
check_queues(env.aws().queue_urls)
flower.events.EventReceiver = Receiver
flower.app.Inspector = HeartbeatInspector
flower.views.Broker = QueueLengths
