"""The micro-batcher: threads that each have one picture meet here and share a forward pass."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Runs `run` on batches of the submitted items, in threads of its own.

    A batch waits for company only while somebody says, by `coming`, that an item is on its way, and
    never longer than `max_wait_seconds`. Where a batch fails it is halved until the bad item is alone.
    """

    def __init__(
        self,
        run: Callable[[list[Item]], Sequence[Result]],
        *,
        max_batch_size: int,
        max_wait_seconds: float,
        threads: int = 1,
    ) -> None:
        self._run = run
        self._max_batch_size = max_batch_size
        self._max_wait_seconds = max_wait_seconds
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Item, Future[Result]]] = deque()
        self._coming = 0
        for number in range(threads):
            threading.Thread(target=self._loop, name=f"model-{number}", daemon=True).start()

    @contextmanager
    def coming(self) -> Iterator[None]:
        """Announce an item; submit it inside this context."""
        with self._changed:
            self._coming += 1
        try:
            yield
        finally:
            with self._changed:
                self._coming -= 1
                self._changed.notify_all()

    def submit(self, item: Item) -> "Future[Result]":
        future: Future[Result] = Future()
        with self._changed:
            self._waiting.append((item, future))
            self._changed.notify_all()
        return future

    def _loop(self) -> None:
        while True:
            batch = [(item, future) for item, future in self._take() if future.set_running_or_notify_cancel()]
            if batch:
                self._answer(batch)

    def _take(self) -> "list[tuple[Item, Future[Result]]]":
        with self._changed:
            while not self._waiting:
                self._changed.wait()
            deadline = time.monotonic() + self._max_wait_seconds
            while len(self._waiting) < self._max_batch_size and self._coming:
                if not self._changed.wait(max(0, deadline - time.monotonic())):
                    break
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), self._max_batch_size))]

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
