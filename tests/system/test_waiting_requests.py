"""Two hundred requests wait at once, on little: each gets its own answer, and the site answers others meanwhile."""

import asyncio
import json
import struct
import time
import zlib
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import psycopg

from tests.system.conftest import StartSystem
from tests.system.harness import INPUT_BUCKET, REQUESTS, RESPONSES, System, wait_until

COUNT = 200
PAGE_SECONDS = 5
ANSWER_SECONDS = 120
MAX_CONNECTIONS = 15
STOP_SECONDS = 5


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png() -> bytes:
    """Return a grey picture of 64 x 64 pixels."""
    header = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + b"\x80" * 64) * 64)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def label_of(file_name: str) -> str:
    """Return a label that no other picture gets, so that an answer which went astray is seen."""
    return f"label of {file_name}"


def requests(system: System) -> list[dict[str, str]]:
    """Receive all requests, as any SQS client can; return the arguments of each."""
    found: list[dict[str, str]] = []
    while len(found) < COUNT:
        answer = system.sqs.receive_message(QueueUrl=system.queue_url(REQUESTS), MaxNumberOfMessages=10)
        assert answer.get("Messages"), f"only {len(found)} requests"
        bodies = [json.loads(message["Body"]) for message in answer["Messages"]]
        found += [json.loads(body["body"])[1] for body in bodies]
    return found


def announcement(system: System, request: dict[str, str]) -> str:
    """Return what a worker would announce, written by hand."""
    stored = system.s3.head_object(Bucket=INPUT_BUCKET, Key=request["input_key"])
    file_name = stored["Metadata"]["file-name"]
    now = datetime.now(UTC).isoformat()
    record: dict[str, Any] = {
        "version": 1,
        "id": request["id"],
        "input_key": request["input_key"],
        "file_name": file_name,
        "state": "done",
        "model": "a stranger",
        "weights": "none",
        "fallback": False,
        "started_at": now,
        "finished_at": now,
        "worker": "stranger@host",
        "label": label_of(file_name),
        "confidence": 0.5,
        "top5": [{"label": label_of(file_name), "index": 0, "confidence": 0.5}],
    }
    message = {"version": 1, "id": request["id"], "key": request["input_key"], "value": record["label"]}
    return json.dumps({**message, "record": record})


def announce_all(system: System) -> None:
    messages = [announcement(system, request) for request in requests(system)]
    for start in range(0, len(messages), 10):
        entries = [{"Id": str(uuid4()), "MessageBody": message} for message in messages[start : start + 10]]
        system.sqs.send_message_batch(QueueUrl=system.queue_url(RESPONSES), Entries=entries)


async def post(client: httpx.AsyncClient, number: int) -> httpx.Response:
    field = "myfile" if number % 2 else "inputFile"
    return await client.post("/", files={field: (f"{number}.png", png())})


def expected(number: int) -> str:
    label = label_of(f"{number}.png")
    return label if number % 2 else f"{number}:{label}"


async def all_wait(system: System, posts: "list[asyncio.Task[httpx.Response]]") -> None:
    """Return when all requests are on the queue and none is answered."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while system.depth(REQUESTS).waiting < COUNT:
        assert time.monotonic() < deadline, f"{system.depth(REQUESTS)}"
        await asyncio.sleep(0.2)
    assert not any(one.done() for one in posts)


async def check_pages(system: System) -> None:
    """The pages answer while the requests wait."""
    async with httpx.AsyncClient(base_url=system.site, headers=system.authorization, timeout=PAGE_SECONDS) as visitor:
        for page in ("/login/", "/api/v1/classifications") * 3:
            assert (await visitor.get(page)).status_code == 200


def connections(database_url: str) -> int:
    """Return how many connections the server has, without the one that asks."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    with psycopg.connect(database_url) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


async def wait_and_answer(system: System, database_url: str | None) -> list[httpx.Response]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=system.site, headers=system.authorization, timeout=ANSWER_SECONDS, limits=limits
    ) as client:
        posts = [asyncio.create_task(post(client, number)) for number in range(COUNT)]
        await all_wait(system, posts)
        await check_pages(system)
        if database_url:
            assert connections(database_url) <= MAX_CONNECTIONS
        assert not any(one.done() for one in posts)
        await asyncio.to_thread(announce_all, system)
        return await asyncio.gather(*posts)


def test_two_hundred_requests_wait_and_each_gets_its_own_answer(start_system: StartSystem, database_url: str | None):
    system = start_system(database_url, consumers=2)
    answers = asyncio.run(wait_and_answer(system, database_url))
    assert {answer.status_code for answer in answers} == {200}
    assert [answer.text for answer in answers] == [expected(number) for number in range(COUNT)]
    wait_until(lambda: system.depth(RESPONSES) == (0, 0), 20, "no announcement is left")


def test_a_stopping_consumer_ends_at_once(start_system: StartSystem):
    system = start_system(consumers=1)
    assert system.terminate("results1", STOP_SECONDS) == 0
