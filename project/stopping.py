"""Graceful stop of long-running commands: SIGTERM or Ctrl-C ends a wait, but never interrupts work."""

import signal
import threading


class Stop:
    """A flag that SIGTERM or SIGINT sets."""

    def __init__(self) -> None:
        self._requested = threading.Event()

    @classmethod
    def on_signals(cls) -> "Stop":
        stop = cls()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.request())
        return stop

    def __bool__(self) -> bool:
        return self._requested.is_set()

    def wait(self, seconds: float) -> None:
        """Wait for `seconds`, or until a stop is requested."""
        self._requested.wait(seconds)

    def request(self) -> None:
        self._requested.set()
