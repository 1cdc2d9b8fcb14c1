"""Requests that wait for their results keep a socket each, and no file and no thread."""

import asyncio
from pathlib import Path

import httpx
import pytest

from classify_app.models import Classification
from tests.records import PICTURE, answering
from tests.site import site_running

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("aws", "collected_static_files")]

COUNT = 60
SPOOLED = PICTURE + bytes(600_000)  # The site keeps up to 500 kB of an upload in memory.
OF_ITS_OWN = 55
"""What a site has open besides: connections to S3 and SQS, the database's files for each of its threads."""


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


async def post_all(site, waiting):
    """Post pictures; return what `waiting` returns while all of them wait, and their labels."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=site.url, timeout=60, limits=limits) as client:
        posts = [asyncio.create_task(client.post("/", files={"myfile": ("cat.png", SPOOLED)})) for _ in range(COUNT)]
        while await Classification.objects.acount() < COUNT:
            assert not any(one.done() for one in posts)
            await asyncio.sleep(0.1)
        found = waiting()
        with answering():
            return found, {answer.text for answer in await asyncio.gather(*posts)}


def test_waiting_requests_keep_only_their_sockets():
    with site_running(through=["sh", "-c", f'ulimit -Sn {COUNT}; exec "$@"', "sh"]) as site:
        found, labels = asyncio.run(post_all(site, lambda: (open_files(site.pid), threads(site.pid))))
    assert labels == {"tabby"}
    assert found[0] <= COUNT + OF_ITS_OWN
    assert found[1] < COUNT
