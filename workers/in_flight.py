"""Messages in flight: extend their visibility timeout during long work, and drain them when the worker stops.

Without that SQS would redeliver a message to another worker as soon as its visibility timeout has expired.
"""

import os
import threading
import time
from typing import Any

import structlog
from celery import bootsteps

from project import env
from project.broker.transport import Channel
from workers.pausing import pause

log = structlog.get_logger()

EXTENSIONS = 4
"""Checks of the messages in flight per visibility timeout. A message is extended from the second check on."""

MAX_HELD_SECONDS = 15 * 60
"""Longest time for which a message is extended. All waits are far shorter, so beyond it the thread must hang."""

CHECK_SECONDS = 0.05


class VisibilityExtender(threading.Thread):
    """Extends the visibility timeout of messages in flight, so that long work is not done twice."""

    def __init__(self, channel: Channel, queue_url: str, visibility_timeout: int) -> None:
        super().__init__(name="visibility-extender", daemon=True)
        self._channel = channel
        self._queue_url = queue_url
        self._visibility_timeout = visibility_timeout
        self._since: dict[str, float] = {}
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def run(self) -> None:
        while not self._stopped.wait(self._visibility_timeout / EXTENSIONS):
            handles = self.due(time.monotonic())
            if handles:
                log.info("visibility timeout extended", count=len(handles))
                self._channel.set_visibility(handles, self._visibility_timeout, self._queue_url)

    def due(self, now: float) -> list[str]:
        """Return the receipt handles to extend: in flight since an earlier check, at most MAX_HELD_SECONDS."""
        self._since = {handle: self._since.get(handle, now) for handle in self._channel.in_flight}
        return [handle for handle, since in self._since.items() if since < now <= since + MAX_HELD_SECONDS]


class InFlightStep(bootsteps.StartStopStep):
    """Starts the visibility extender with the consumer, and drains the worker when it stops."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._extender: VisibilityExtender | None = None

    def start(self, consumer: Any) -> None:
        channel, seconds = consumer.task_consumer.channel, consumer.controller.visibility_timeout
        channel.may_receive = lambda: not pause()
        self._extender = VisibilityExtender(channel, env.aws().request_queue_url, seconds)
        self._extender.start()

    def stop(self, consumer: Any) -> None:
        is_stopping = consumer.blueprint.state == bootsteps.CLOSE  # not merely reconnecting
        if is_stopping and consumer.task_consumer:
            drain(consumer)
        if self._extender:
            self._extender.stop()


def drain(consumer: Any) -> None:
    """Finish the messages in flight. After DRAIN_SECONDS make the rest visible again and end the process.

    This also waits for the long poll in progress: SQS would deliver messages to an abandoned poll and so hide them.
    The messages that it returns are made visible again at once.
    """
    channel: Channel = consumer.task_consumer.channel
    consumer.task_consumer.cancel()
    deadline = time.monotonic() + env.worker().drain_seconds
    log.info("stopping: no more receives, finishing the messages in flight", held=len(channel.in_flight))
    loop = consumer.hub.create_loop()
    while channel.in_flight or channel.open_receives:
        if time.monotonic() > deadline:
            _release_and_exit(channel)
        consumer.hub.call_later(CHECK_SECONDS, lambda: None)  # so that next() returns soon
        next(loop)
    log.info("stopping: all messages in flight are finished")


def _release_and_exit(channel: Channel) -> None:
    log.warning("stopping: DRAIN_SECONDS are over, messages made visible again", held=len(channel.in_flight))
    channel.give_back(channel.held, env.aws().request_queue_url)
    channel.connection.acknowledger.stop()
    # Threads that are still working can't be stopped, and the interpreter would wait for them.
    os._exit(0)
