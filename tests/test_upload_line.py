"""The line of uploads: while S3 doesn't answer, others are served, nobody waits in vain, and it recovers by itself."""

import asyncio
import gc
import threading
import time
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.handlers.asgi import ASGIHandler
from django.db import connections

from classify_app.accounts.tokens import create_token
from classify_app.intake import submission
from classify_app.intake import upload_line as line
from classify_app.intake.upload_line import UploadLine
from classify_app.models import Classification
from classify_app.results.waiting import waiter
from classify_app.threads import THREADS
from infra.local import faults
from project.aws import clients, storage
from project.refusals import Refusal
from tests.records import PICTURE, answering, row

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("aws"), pytest.mark.postgresql]

ADDRESS = "/api/v1/classifications"
TRIES = clients.QUICK_TIMEOUTS["retries"]["total_max_attempts"]
SPOOLED = PICTURE + bytes(600_000)  # The site keeps up to 500 kB of an upload in memory.


@pytest.fixture(autouse=True)
def new_line(monkeypatch):
    """A process whose uploads S3 has answered so far."""
    fresh = UploadLine()
    for room in ("intake.submission", "api.resources", "legacy.synchronous", "pages.views"):
        monkeypatch.setattr(f"classify_app.{room}.upload_line", fresh)
    return fresh


@pytest.fixture
def silent(proxied):
    proxied.fault = faults.Fault(faults.TIMEOUT, service="s3")
    return proxied


@pytest.fixture
def authorization(staff):
    return {"Authorization": f"Bearer {create_token(staff, 'a test', ['read', 'write'])[1]}"}


@asynccontextmanager
async def program(authorization):
    """A client of the site in the event loop, as under uvicorn."""
    transport = httpx.ASGITransport(app=ASGIHandler())
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=authorization) as client:
        yield client


def picture(content=PICTURE):
    return SimpleUploadedFile("cat.png", content)


async def post(client, content=PICTURE, **headers):
    return await client.post(ADDRESS, files={"file": ("cat.png", content)}, headers=headers)


def assert_unavailable(answers):
    assert {answer.status_code for answer in answers} == {503}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)


async def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def test_reads_are_answered_while_uploads_wait_for_s3(silent, authorization):
    kept = row()

    @async_to_sync
    async def read_meanwhile():
        async with program(authorization) as client:
            uploads = [asyncio.create_task(post(client)) for _ in range(2 * THREADS)]
            await until(lambda: silent.struck["PUT"] >= THREADS)
            reads = [await client.get(address) for address in (ADDRESS, f"{ADDRESS}/{kept.id}", "/login/", "/healthz")]
            waiting = [one for one in uploads if not one.done()]
            silent.fault = faults.Fault()
            await asyncio.gather(*uploads)
            return [answer.status_code for answer in reads], len(waiting)

    assert read_meanwhile() == ([200] * 4, 2 * THREADS)


@pytest.mark.parametrize("address", [ADDRESS, "/postApi/image"])
def test_uploads_that_wait_are_refused_as_soon_as_s3_fails(proxied, authorization, address):
    proxied.fault = faults.Fault("error", service="s3")
    field = "file" if address == ADDRESS else "myfile"

    @async_to_sync
    async def many():
        async with program(authorization) as client:
            posts = (client.post(address, files={field: ("cat.png", PICTURE)}) for _ in range(5 * THREADS))
            return await asyncio.gather(*posts)

    assert_unavailable(many())
    assert proxied.struck["PUT"] <= TRIES * THREADS
    assert not Classification.objects.exists()


def test_uploads_are_taken_as_soon_as_s3_answers_again(proxied, authorization):
    @async_to_sync
    async def before_and_after():
        async with program(authorization) as client:
            proxied.fault = faults.Fault("error", service="s3")
            refused = await post(client)
            proxied.fault = faults.Fault()
            return refused, await asyncio.gather(*(post(client) for _ in range(THREADS)))

    refused, taken = before_and_after()
    assert_unavailable([refused])
    assert [answer.status_code for answer in taken] == [202] * THREADS


def test_while_s3_is_away_nobody_waits_for_a_thread(proxied, authorization):
    @async_to_sync
    async def many():
        async with program(authorization) as client:
            proxied.fault = faults.Fault("error", service="s3")
            await post(client)
            proxied.fault = faults.Fault(faults.TIMEOUT, service="s3")
            trying = [asyncio.create_task(post(client)) for _ in range(THREADS)]
            await until(lambda: proxied.struck["PUT"] >= TRIES + THREADS)
            further = await post(client)
            left = [one for one in trying if not one.done()]
            proxied.fault = faults.Fault()
            await asyncio.gather(*trying)
            return further, len(left)

    further, left = many()
    assert_unavailable([further])
    assert left == THREADS


def test_a_failure_among_successes_refuses_nobody(new_line):
    with pytest.raises(clients.BotoCoreError), new_line.storing():
        with new_line.storing():
            """Another upload's call, which succeeds meanwhile."""
        raise clients.BotoCoreError
    assert async_to_sync(new_line.run)(lambda: "taken") == "taken"


def refused_of(count, new_line):
    """Return how many of so many uploads are refused that come at the same time."""

    @async_to_sync
    async def burst():
        return await asyncio.gather(*(new_line.run(lambda: "taken") for _ in range(count)), return_exceptions=True)

    return sum(isinstance(answer, Refusal) for answer in burst())


def fail_to_store(new_line):
    with pytest.raises(clients.BotoCoreError), new_line.storing():
        raise clients.BotoCoreError


def test_a_failure_of_long_ago_refuses_nobody(monkeypatch, new_line):
    fail_to_store(new_line)
    assert refused_of(THREADS + 3, new_line) == 3
    monkeypatch.setattr(line, "AWAY_SECONDS", 0.0)
    assert refused_of(THREADS + 3, new_line) == 0


def test_that_a_picture_is_found_says_nothing_about_storing(new_line):
    stored = row()
    storage.put_picture(stored.input_key, PICTURE, "image/png", "cat.png")
    fail_to_store(new_line)
    assert submission.picture_is_stored(stored)
    assert refused_of(THREADS + 3, new_line) == 3


def test_a_full_line_refuses_more(monkeypatch, authorization):
    monkeypatch.setattr(line, "MAX_UPLOADS", 0)

    @async_to_sync
    async def one():
        async with program(authorization) as client:
            return await post(client)

    answer = one()
    assert_unavailable([answer])
    assert answer.json()["type"] == "urn:problem:unavailable"


def test_nobody_waits_too_long_for_a_thread(monkeypatch, new_line):
    monkeypatch.setattr(line, "MAX_WAIT_SECONDS", -1.0)
    with pytest.raises(Refusal, match="Too many uploads are waiting"):
        async_to_sync(new_line.run)(lambda: "taken")


def test_an_upload_whose_client_left_counts_until_its_turn_and_is_not_taken(monkeypatch, new_line, caplog):
    monkeypatch.setattr(line, "MAX_UPLOADS", THREADS + 2)
    s3_answers, begun, taken = threading.Event(), [], []

    def store():
        begun.append("store")
        s3_answers.wait(20)

    @async_to_sync
    async def leave():
        running = [asyncio.create_task(new_line.run(store)) for _ in range(THREADS)]
        await until(lambda: len(begun) == THREADS)
        waiting = [asyncio.create_task(new_line.run(lambda: taken.append("left"))) for _ in range(2)]
        await asyncio.sleep(0)
        left = [running[0], *waiting]
        for one in left:
            one.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        further = await asyncio.gather(new_line.run(lambda: taken.append("further")), return_exceptions=True)
        s3_answers.set()
        await asyncio.gather(*running[1:])
        await new_line.run(lambda: taken.append("later"))
        return further

    assert [str(one) for one in leave()] == ["Too many uploads are waiting; please try again later."]
    assert taken == ["later"]
    gc.collect()  # by which asyncio notices errors that nobody took
    assert "never retrieved" not in caplog.text


def test_a_form_does_not_try_s3_for_each_of_its_pictures(proxied, client):
    proxied.fault = faults.Fault("error", service="s3")
    answer = client.post("/upload/", {"pictures": [picture() for _ in range(5)]})
    assert_unavailable([answer])
    assert answer.text.count("cat.png: The picture could not be stored") == 5
    assert proxied.struck["PUT"] == TRIES


def test_each_picture_of_a_form_waits_for_a_turn_of_its_own(monkeypatch, client):
    put_picture = storage.put_picture

    def put(*arguments):
        put_picture(*arguments)
        monkeypatch.setattr(line, "MAX_WAIT_SECONDS", -1.0)  # From now on the line is too long.

    monkeypatch.setattr(storage, "put_picture", put)
    answer = client.post("/upload/", {"pictures": [picture() for _ in range(3)]}, follow=True)
    assert answer.text.count("cat.png: Too many uploads are waiting") == 2
    assert Classification.objects.count() == 1


def test_an_upload_that_waits_for_s3_holds_no_connection(client, monkeypatch):
    held = []
    put_picture = storage.put_picture

    def put(*arguments):
        held.append(connections["default"].connection)
        put_picture(*arguments)

    monkeypatch.setattr(storage, "put_picture", put)
    client.post(ADDRESS, {"file": picture()})
    client.post("/upload/", {"pictures": picture()})
    # To SQLite each thread keeps its own, since there is no pool that anybody else would need it from.
    assert [one for one in held if one is not None and connections["default"].vendor != "sqlite"] == []
    assert len(held) == 2


def test_a_request_that_waits_for_its_result_keeps_no_file(authorization):
    before = open_files()

    @async_to_sync
    async def waiting():
        async with program(authorization) as client:
            posts = [
                asyncio.create_task(client.post("/", files={"myfile": ("cat.png", SPOOLED)})),
                asyncio.create_task(post(client, SPOOLED, Prefer="wait=20")),
            ]
            await until(lambda: len(waiter.waiting) == len(posts))
            files = open_files() - before
            with answering():
                return files, [(await one).status_code for one in posts]

    assert waiting() == (set(), [200, 200])


def open_files():
    """Return this process's open files for bodies and uploads, most of which have no name."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return {name for name in (str(link.readlink()) for link in links) if "(deleted)" in name or ".upload" in name}
