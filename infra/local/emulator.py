"""The embedded AWS: `python -m infra.local.emulator`.

It is ministack, but for one thing: there an open long poll looks for messages every 100 ms, and so a picture, which
passes two queues, waited 100 ms for nothing. SQS answers a long poll as soon as a message comes.
"""

import asyncio
from types import SimpleNamespace

from ministack.app import main
from ministack.services import sqs

LOOK_SECONDS = 0.01


async def _sleep(seconds: float) -> None:
    await asyncio.sleep(min(seconds, LOOK_SECONDS))


if __name__ == "__main__":
    sqs.asyncio = SimpleNamespace(**{**vars(asyncio), "sleep": _sleep})
    main()
