"""Bodies that are too long or too slow, sent by raw sockets to a real server: refused while they arrive."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest
from django.contrib.auth.models import User

from classify_app.accounts.tokens import create_token
from classify_app.http.body_limit import ENVELOPE_BYTES, OTHER_BYTES
from classify_app.models import Classification
from infra.local.ports import free_ports
from tests.conftest import ROOT
from tests.records import PICTURE, answering, environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("aws")]

API = "/api/v1/classifications"
ANY_LENGTH = "Transfer-Encoding: chunked"
PICTURE_BYTES = 10_000_000
FORM_BYTES = 20_000_000
SECONDS = 2
ROUTES = {
    "/": (PICTURE_BYTES + ENVELOPE_BYTES, "text/plain"),
    "/postApi/image": (PICTURE_BYTES + ENVELOPE_BYTES, "text/plain"),
    "/postApi/image/": (PICTURE_BYTES + ENVELOPE_BYTES, "text/plain"),
    API: (PICTURE_BYTES + ENVELOPE_BYTES, "application/problem+json"),
    "/api/v1/other": (OTHER_BYTES, "application/problem+json"),
    "/upload/": (FORM_BYTES, "text/html"),
    "/login/": (OTHER_BYTES, "text/html"),
    "/admin/auth/user/add/": (OTHER_BYTES, "text/html"),
}
CHUNK = b"10000\r\n" + bytes(0x10000) + b"\r\n"


@pytest.fixture(scope="module")
def site(django_db_setup: None, emulator: None, collected_static_files: None) -> Iterator[int]:
    """The port of a site whose forms take 20 MB, with short time-outs."""
    port = free_ports(1)[0]
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "project.asgi:application", "--port", str(port), "--lifespan", "on"],
        cwd=ROOT,
        env=environment(BODY_SECONDS=str(SECONDS), MAX_FORM_BYTES=str(FORM_BYTES)),
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while not is_up(port):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        yield port
    finally:
        process.kill()
        process.wait(10)


def is_up(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").text == "ok\n"
    except httpx.TransportError:
        return False


def begin(port, path, header):
    """Return a connection on which a POST's head was sent."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n{header}\r\n\r\n"
    )
    connection.sendall(head.encode())
    return connection


def answer_on(connection):
    """Return status, headers and body of the answer; the server must close the connection after it."""
    received = b""
    while part := connection.recv(65_536):
        received += part
    head, _, body = received.decode().partition("\r\n\r\n")
    return int(head.split()[1]), head.lower(), body


def assert_refused(answer, status, media_type):
    assert answer[0] == status
    assert f"content-type: {media_type}" in answer[1]
    assert "connection: close" in answer[1]
    if media_type == "application/problem+json":
        assert json.loads(answer[2])["status"] == status
    if media_type == "text/plain":
        assert len(answer[2].splitlines()) == 1


@pytest.mark.parametrize(("path", "allowed", "media_type"), [(path, *about) for path, about in ROUTES.items()])
def test_a_length_beyond_the_limit_is_refused_before_anything_is_sent(site, path, allowed, media_type):
    with begin(site, path, f"Content-Length: {allowed + 1}\r\nExpect: 100-continue") as connection:
        connection.shutdown(socket.SHUT_WR)
        assert_refused(answer_on(connection), 413, media_type)


@pytest.mark.parametrize(("path", "allowed", "media_type"), [(path, *about) for path, about in ROUTES.items()])
def test_chunks_beyond_the_limit_are_refused_while_they_arrive(site, path, allowed, media_type):
    with begin(site, path, ANY_LENGTH) as connection:
        for _ in range(allowed // 0x10000 + 1):
            connection.sendall(CHUNK)
        connection.shutdown(socket.SHUT_WR)
        assert_refused(answer_on(connection), 413, media_type)


@pytest.mark.parametrize("path", ["/", API])
@pytest.mark.parametrize("header", [ANY_LENGTH, "Content-Length: 100000"])
def test_a_missing_body_is_refused_after_the_time_out(site, path, header):
    start = time.monotonic()
    with begin(site, path, header) as connection:
        received = connection.recv(65_536).decode()
    assert received.startswith("HTTP/1.1 408 ")
    assert SECONDS <= time.monotonic() - start < SECONDS + 5


def test_a_slow_body_is_refused(site):
    with begin(site, "/", "Content-Length: 100000") as connection:
        start = time.monotonic()
        connection.settimeout(0.2)
        while True:
            connection.sendall(b"x")
            try:
                received = connection.recv(65_536)
                break
            except TimeoutError:
                assert time.monotonic() < start + SECONDS + 5
    assert received.startswith(b"HTTP/1.1 408 ")


def test_the_largest_picture_passes(site):
    _, token = create_token(User.objects.create_user("sender"), "test", ["write"])
    picture = PICTURE.ljust(PICTURE_BYTES, b"\0")
    shown = {"Authorization": f"Bearer {token}"}
    answer = httpx.post(
        f"http://127.0.0.1:{site}{API}", files={"file": ("cat.png", picture)}, headers=shown, timeout=30
    )
    assert answer.status_code == 202
    assert Classification.objects.get().bytes == PICTURE_BYTES


def test_chunks_within_the_limit_reach_the_site(site):
    parts = iter([b"a body that is ", b"no form"])
    answer = httpx.post(f"http://127.0.0.1:{site}/", content=parts, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415
    assert "Send the picture in the field myfile or inputFile" in answer.text


def multipart(field):
    """Return a picture as the multipart body of `begin`, in chunks of 7 bytes."""
    disposition = f'Content-Disposition: form-data; name="{field}"; filename="cat.png"'
    body = f"--x\r\n{disposition}\r\nContent-Type: image/png\r\n\r\n".encode() + PICTURE + b"\r\n--x--\r\n"
    parts = [body[start : start + 7] for start in range(0, len(body), 7)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def test_a_chunked_picture_is_accepted_by_the_api(site, user):
    token = create_token(user, "a test", ["read", "write"])[1]
    headers = f"{ANY_LENGTH}\r\nAuthorization: Bearer {token}\r\nPrefer: wait=20\r\nConnection: close"
    with answering(), begin(site, API, headers) as connection:
        connection.sendall(multipart("file"))
        status, _, body = answer_on(connection)
    assert (status, json.loads(body)["label"]) == (200, "tabby")


@pytest.mark.parametrize(
    ("path", "field", "text"), [("/", "inputFile", "cat:tabby"), ("/postApi/image", "myfile", "tabby")]
)
def test_a_chunked_picture_is_accepted_by_the_synchronous_routes(site, aws, path, field, text):
    with answering(), begin(site, path, f"{ANY_LENGTH}\r\nConnection: close") as connection:
        connection.sendall(multipart(field))
        status, _, body = answer_on(connection)
    assert (status, body) == (200, text)
