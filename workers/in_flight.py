"""What a worker holds stays its own while the work lives, and is finished or given back when the worker ends.

SQS shows a message to others once its visibility timeout has passed, whatever becomes of the work.
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
"""How often in a visibility timeout held messages are looked at; what is fresh needs no extension."""

MAX_HELD_SECONDS = 15 * 60
"""All that a picture waits for is bounded far below this; beyond it the thread hangs, and others shall try."""

LOOK_SECONDS = 0.05


class Keeper(threading.Thread):
    """Extends the visibility of held messages, so that work longer than the visibility timeout is done once."""

    def __init__(self, channel: Channel, queue_url: str, visibility_timeout: int) -> None:
        super().__init__(name="visibility-keeper", daemon=True)
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
                log.info("work goes on, visibility extended", count=len(handles))
                self._channel.set_visibility(handles, self._visibility_timeout, self._queue_url)

    def due(self, now: float) -> list[str]:
        """Return the handles that were held at the last look already, and not for too long."""
        self._since = {handle: self._since.get(handle, now) for handle in self._channel.held}
        return [handle for handle, since in self._since.items() if since < now <= since + MAX_HELD_SECONDS]


class Hold(bootsteps.StartStopStep):
    """Starts the keeper with the consumer; at the end of the worker takes no more and drains it."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._keeper: Keeper | None = None

    def start(self, consumer: Any) -> None:
        channel, seconds = consumer.task_consumer.channel, consumer.controller.visibility_timeout
        channel.may_receive = lambda: not pause()
        self._keeper = Keeper(channel, env.aws().request_queue_url, seconds)
        self._keeper.start()

    def stop(self, consumer: Any) -> None:
        ends = consumer.blueprint.state == bootsteps.CLOSE  # and does not merely connect again
        if ends and consumer.task_consumer:
            drain(consumer)
        if self._keeper:
            self._keeper.stop()


def drain(consumer: Any) -> None:
    """Finish what is held; after DRAIN_SECONDS give the rest back and end the process.

    Waits for the open long poll, too: SQS hands messages to a poll whose client has gone, and so hides them
    from everybody. What it brings is given back at once.
    """
    channel: Channel = consumer.task_consumer.channel
    consumer.task_consumer.cancel()
    deadline = time.monotonic() + env.worker().drain_seconds
    log.info("stopping: taking no more, finishing what is held", held=len(channel.held))
    loop = consumer.hub.create_loop()
    while channel.held or channel.open_receives:
        if time.monotonic() > deadline:
            _give_back_and_end(channel)
        consumer.hub.call_later(LOOK_SECONDS, lambda: None)  # so that the loop comes back
        next(loop)
    log.info("stopping: all that was held is finished")


def _give_back_and_end(channel: Channel) -> None:
    log.warning("stopping: not finished in time, given back", held=len(channel.held))
    channel.set_visibility(channel.held, 0, env.aws().request_queue_url)
    channel.connection.acknowledger.stop()
    # Threads that still work can't be ended, and the interpreter would wait for them.
    os._exit(0)
