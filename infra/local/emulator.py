"""The embedded AWS: `python -m infra.local.emulator`.

It is ministack with one change. Its long polls look for messages every 100 ms, so a picture, which passes two queues,
would wait 100 ms for nothing; here they look every 10 ms. SQS answers a long poll as soon as a message comes.
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
