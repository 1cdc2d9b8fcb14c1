"""How long-running commands end: SIGTERM or Ctrl-C interrupts a wait, and never the work."""

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

Answer = TypeVar("Answer")


class Stopped(BaseException):
    """Raised in the main thread to end a wait. No Exception, since botocore would catch that and try again."""


class Stop:
    """Becomes true on SIGTERM or SIGINT."""

    def __init__(self) -> None:
        self._requested = threading.Event()
        self._interruptible = False

    @classmethod
    def on_signals(cls) -> "Stop":
        stop = cls()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop._request)
        return stop

    def __bool__(self) -> bool:
        return self._requested.is_set()

    def wait(self, seconds: float) -> None:
        """Wait; return at once when a stop is requested."""
        self._requested.wait(seconds)

    def unless_stopped(self, work: Callable[[], Answer]) -> Answer | None:
        """Return what work returns; None when a signal came before or ended it. It must be safe to abandon."""
        try:
            self._interruptible = True
            return None if self else work()
        except Stopped:
            return None
        finally:
            self._interruptible = False

    def _request(self, number: int, frame: FrameType | None) -> None:
        self._requested.set()
        if self._interruptible:
            raise Stopped
