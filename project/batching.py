"""The micro-batcher: threads submit single items, which are processed together, in one forward pass or one send."""

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
    """Calls `run` on batches of submitted items, in its own threads, which start with the first item.

    A batch waits for more items only while another one is announced by `expecting`, and at most `max_wait_seconds`.
    With `always_wait` every batch that isn't full waits that long. If a batch fails, it is split in halves and run
    again, until only the bad item fails.
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
        """Announce an item, and submit it inside this context."""
        with self._changed:
            self._expected += 1
        try:
            yield
        finally:
            with self._changed:
                self._expected -= 1
                self._changed.notify_all()

    def submit(self, item: Item) -> "Future[Result]":
        """Submit an item; return the future of its result, which is cancelled if the batcher is closed."""
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
        """Wait up to `seconds` until all submitted items have a result or an error; return whether they do."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._running, seconds)

    def close(self, seconds: float) -> bool:
        """Accept no more items, process the rest, end the threads; return whether that took at most `seconds`."""
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
        while not self._finished():
            batch = [(item, future) for item, future in self._take() if future.set_running_or_notify_cancel()]
            if batch:
                self._process(batch)
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _finished(self) -> bool:
        with self._changed:
            return self._closed and not self._waiting

    def _take(self) -> "list[tuple[Item, Future[Result]]]":
        """Return the next batch; empty if the batcher is closed or another thread took the items."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            deadline = time.monotonic() + self.max_wait_seconds
            while len(self._waiting) < self._max_batch_size and self._expected and not self._closed:
                if not self._changed.wait(max(0, deadline - time.monotonic())):
                    break
            # Idle threads share the items: two half batches in parallel finish sooner than one full batch.
            share = ceil(len(self._waiting) / (len(self._threads) - self._running))
            self._running += 1
            return [self._waiting.popleft() for _ in range(min(share, self._max_batch_size))]

    def _process(self, batch: "list[tuple[Item, Future[Result]]]") -> None:
        try:
            results = self._run([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 -- any error is passed on to the submitter
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            middle = len(batch) // 2
            self._process(batch[:middle])
            self._process(batch[middle:])
            return
        for (_, future), result in zip(batch, results, strict=True):
            future.set_result(result)


def log_failure(future: "Future[Any]") -> None:
    """Log an item's error. A done callback for items whose result is not awaited."""
    if not future.cancelled() and (error := future.exception()):
        log.error("background work failed", exc_info=error)
