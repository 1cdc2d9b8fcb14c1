"""How long-running commands end: SIGTERM or Ctrl-C ends a wait, and never the work."""

import signal
import threading
from types import FrameType


class Stop:
    """Becomes true on SIGTERM or SIGINT."""

    def __init__(self) -> None:
        self._requested = threading.Event()

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

    def _request(self, number: int, frame: FrameType | None) -> None:
        self._requested.set()
