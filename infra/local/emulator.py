"""The embedded AWS: `python -m infra.local.emulator`.

It is ministack with one change. Its long polls look for messages every 100 ms, so a picture, which passes two queues,
would wait 100 ms for nothing. Here each message that is sent wakes them, as SQS does.
"""

import asyncio
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from ministack.app import main
from ministack.services import sqs


class Wake:
    """ministack's signal that a message was sent, which also ends the sleeps of long polls."""

    def __init__(self, signal: Any) -> None:
        self._signal = signal
        self._sent = asyncio.Event()

    def set(self) -> None:
        self._signal.set()
        self._sent.set()
        self._sent = asyncio.Event()  # for the polls that find nothing

    async def sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._sent.wait(), seconds)


if __name__ == "__main__":
    sqs.esm_wake = wake = Wake(sqs.esm_wake)
    sqs.asyncio = SimpleNamespace(**{**vars(asyncio), "sleep": wake.sleep})
    main()
