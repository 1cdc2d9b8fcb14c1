"""S3 stops answering under many uploads: pages, reads and log-ins go on, uploads are refused soon, nothing is lost."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx

from tests.system.conftest import StartSystem
from tests.system.harness import System
from tests.system.photos import ADDRESS, check_all_done_and_right, content, post

SILENT_SECONDS = 15
MOST_ROUND_SECONDS = 5
PAUSE_SECONDS = 2
UPLOADS_AT_ONCE = 48
CLOSING = httpx.Limits(max_keepalive_connections=0)  # The site closes a connection that is idle as long as Retry-After.
NAME = "rocket.jpg"
PICTURE = content(NAME)
FIELDS = {ADDRESS: "file", "/upload/": "pictures", "/postApi/image": "myfile"}


@contextmanager
def browser(system: System) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=system.site, timeout=60, limits=CLOSING) as client:
        system.log_in(client)
        yield client


def keep_uploading(client: httpx.Client, address: str, over: threading.Event) -> list[httpx.Response]:
    """Upload again and again as the responses say, until it is over; return the responses that came before."""
    answers = []
    token = {"csrfmiddlewaretoken": client.cookies.get("csrftoken", "")}
    while True:
        answer = client.post(address, data=token, files={FIELDS[address]: (NAME, PICTURE)})
        if over.is_set():
            return answers
        answers.append(answer)
        over.wait(int(answer.headers.get("Retry-After", 1)))


def read_all(system: System, program: httpx.Client, visitor: httpx.Client, id: str) -> Iterator[int]:
    """Ask for what needs no S3, one after another; yield each status."""
    for address in ("/healthz", ADDRESS, f"{ADDRESS}/{id}"):
        yield program.get(address).status_code
    yield visitor.get("/history/").status_code
    with browser(system) as another:
        yield another.get("/").status_code


def every_id(client: httpx.Client) -> list[str]:
    return [row["id"] for row in client.get(ADDRESS, params={"page_size": 100}).json()["results"]]


def test_others_are_served_while_s3_is_silent_under_uploads(start_system: StartSystem, database_url: str | None):
    system = start_system(database_url, workers=1, proxy=True)
    over, statuses, rounds = threading.Event(), Counter[int](), 0
    with (
        system.client(timeout=60, limits=CLOSING) as program,
        browser(system) as visitor,
        ThreadPoolExecutor(UPLOADS_AT_ONCE) as threads,
    ):
        id = post(program, NAME)
        system.fault("timeout", service="s3")
        until = time.monotonic() + SILENT_SECONDS
        routes = ((program, ADDRESS), (program, "/postApi/image"), (visitor, "/upload/"))
        uploads = [
            threads.submit(keep_uploading, *routes[number % len(routes)], over) for number in range(UPLOADS_AT_ONCE)
        ]
        while time.monotonic() < until:
            statuses.update(read_all(system, program, visitor, id))
            rounds += 1
            time.sleep(PAUSE_SECONDS)
        over.set()
        system.fault("none")
        refused = [answer for upload in uploads for answer in upload.result()]
        time.sleep(1)
        post(program, NAME)
        check_all_done_and_right(system, program, every_id(program))
    assert set(statuses) == {200}
    assert rounds >= SILENT_SECONDS / MOST_ROUND_SECONDS
    assert len(refused) >= UPLOADS_AT_ONCE
    assert {answer.status_code for answer in refused} == {503}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    assert "Traceback" not in system.log("web")
