"""The micro-batcher: threads that each have one item meet here and share one run, be it a forward pass or a send."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from math import ceil
from typing import Any, Generic, TypeVar

import structlog

log = structlog.get_logger()

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Runs `run` on batches of the submitted items, in threads of its own, which the first item starts.

    A batch waits for more only while another item is expected, as `expecting` says, and never longer than
    `max_wait_seconds`; with `always_wait` every batch that isn't full waits that long. Where a batch fails it is
    halved until the bad item is alone.
    """

    def __init__(
        self,
        run: Callable[[list[Item]], Sequence[Result]],
        *,
        max_batch_size: int,
        max_wait_seconds: float,
        threads: int = 1,
        name: str = "model",
        always_wait: bool = False,
    ) -> None:
        self._run = run
        self._max_batch_size = max_batch_size
        self.max_wait_seconds = max_wait_seconds
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Item, Future[Result]]] = deque()
        self._expected = int(always_wait)
        self._running = 0
        self._closed = False
        self._threads = [
            threading.Thread(target=self._loop, name=f"{name}-{number}", daemon=True) for number in range(threads)
        ]
        self._started = False

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """Say that an item is expected; submit it inside this context."""
        with self._changed:
            self._expected += 1
        try:
            yield
        finally:
            with self._changed:
                self._expected -= 1
                self._changed.notify_all()

    def submit(self, item: Item) -> "Future[Result]":
        """Return the future of an item's result; once this is closed, one that is cancelled."""
        future: Future[Result] = Future()
        with self._changed:
            if self._closed:
                future.cancel()
                return future
            self._waiting.append((item, future))
            self._start()
            self._changed.notify_all()
        return future

    def _start(self) -> None:
        if not self._started:
            self._started = True
            for thread in self._threads:
                thread.start()

    def drain(self, seconds: float) -> bool:
        """Wait until all that was submitted is answered; return whether it was within that time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._running, seconds)

    def close(self, seconds: float) -> bool:
        """Take no more, answer what was submitted, and end the threads; return whether all did within that time."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            threads = self._threads if self._started else []
        deadline = time.monotonic() + seconds
        for thread in threads:
            thread.join(max(0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def closed(self) -> bool:
        return self._closed

    def _loop(self) -> None:
        while not self._ended():
            batch = [(item, future) for item, future in self._take() if future.set_running_or_notify_cancel()]
            if batch:
                self._answer(batch)
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _ended(self) -> bool:
        with self._changed:
            return self._closed and not self._waiting

    def _take(self) -> "list[tuple[Item, Future[Result]]]":
        """Return the next batch; none where this is closed, or another thread took it."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            deadline = time.monotonic() + self.max_wait_seconds
            while len(self._waiting) < self._max_batch_size and self._expected and not self._closed:
                if not self._changed.wait(max(0, deadline - time.monotonic())):
                    break
            # Threads that have nothing to do take their share: two halves are done sooner than one whole.
            share = ceil(len(self._waiting) / (len(self._threads) - self._running))
            self._running += 1
            return [self._waiting.popleft() for _ in range(min(share, self._max_batch_size))]

    def _answer(self, batch: "list[tuple[Item, Future[Result]]]") -> None:
        try:
            results = self._run([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 -- whatever goes wrong belongs to whoever submitted the item
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            middle = len(batch) // 2
            self._answer(batch[:middle])
            self._answer(batch[middle:])
            return
        for (_, future), result in zip(batch, results, strict=True):
            future.set_result(result)


def log_failure(future: "Future[Any]") -> None:
    """Log what went wrong with an item, as a callback for whoever doesn't wait for its result."""
    if not future.cancelled() and (error := future.exception()):
        log.error("left undone", exc_info=error)
