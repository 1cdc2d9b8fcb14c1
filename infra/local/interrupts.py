"""How a command that runs until it is stopped ends: by SIGINT (Ctrl-C), SIGTERM or SIGHUP."""

import signal
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def accept() -> None:
    """Let the first of the signals raise KeyboardInterrupt, and ignore those that follow.

    A shell starts a command in the background with SIGINT ignored, and then Python would ignore it, too.
    """
    for number in SIGNALS:
        signal.signal(number, _interrupt)


def ignore() -> None:
    """Ignore the signals from now on, so that none of them ends what cleans up."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(number: int, frame: object) -> NoReturn:
    ignore()
    raise KeyboardInterrupt
