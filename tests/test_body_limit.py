"""Headers and bodies that are too long or too slow, sent by raw sockets to a real server: refused while they arrive."""

import json
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from django.contrib.auth.models import User

from classify_app.accounts.tokens import create_token
from classify_app.http.body_limit import ENVELOPE_BYTES, OTHER_BYTES
from classify_app.http.header_limit import MAX_HEADER_BYTES, HeaderLimitProtocol
from classify_app.models import Classification
from tests.conftest import ROOT
from tests.records import PICTURE, answering
from tests.site import Site, is_up, site_running

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
def process(django_db_setup: None, emulator: None, collected_static_files: None) -> Iterator[Site]:
    """A site whose forms take 20 MB, with short time-outs."""
    with site_running(BODY_SECONDS=str(SECONDS), MAX_FORM_BYTES=str(FORM_BYTES)) as running:
        yield running


@pytest.fixture
def site(process: Site) -> int:
    """Its port."""
    return process.port


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


def get(port, path, *, padded_to):
    """Return the answer to a GET whose address and header fields have so many bytes together."""
    fields = "Host: localhost\r\nConnection: close\r\nX-Padding: {}\r\n"
    padding = "x" * (padded_to - len(path) - len(fields.format("")))
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\n{fields.format(padding)}\r\n".encode())
        return answer_on(connection)


def test_the_longest_header_is_taken_and_one_byte_more_is_refused(site):
    assert get(site, "/healthz", padded_to=MAX_HEADER_BYTES)[0] == 200
    assert_refused(get(site, "/postApi/image", padded_to=MAX_HEADER_BYTES + 1), 431, "text/plain")
    assert_refused(get(site, API, padded_to=MAX_HEADER_BYTES + 1), 431, "application/problem+json")


ENDLESS = {
    "field": (b"X-Endless: ", b"x"),
    "fields": (b"", b"X: y\r\n"),
    "address": (b"", b"x"),
    "trailer": (b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", b"X: y\r\n"),
}


def peak_kb(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("start", "piece"), ENDLESS.values(), ids=ENDLESS)
def test_an_endless_header_is_refused_before_it_takes_memory(process, start, piece):
    pid, port = process.pid, process.port
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # lets the peak begin at what the process holds now
    before = peak_kb(pid)
    request = b"POST /" if not start and piece == b"x" else b"POST / HTTP/1.1\r\nHost: localhost\r\n" + start
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection, pytest.raises(ConnectionError):
        connection.sendall(request)
        for _ in range(1_000):
            connection.sendall(piece * (0x10000 // len(piece)))
    assert peak_kb(pid) - before < 20_000  # of 65,000 that were sent
    assert is_up(process)


def test_a_client_that_sends_slowly_gets_the_answer_to_an_endless_header(site):
    with socket.create_connection(("127.0.0.1", site), timeout=0.05) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX-Endless: ")
        for _ in range(3 * MAX_HEADER_BYTES // 10_000):
            connection.sendall(b"x" * 10_000)
            with suppress(TimeoutError):
                assert_refused(answer_on(connection), 431, "text/plain")
                return
    pytest.fail("The header is read on.")


def test_requests_on_one_connection_do_not_add_up(site):
    with httpx.Client(base_url=f"http://127.0.0.1:{site}", headers={"X-Padding": "x" * 30_000}) as client:
        for _ in range(4):
            assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "start", ["infra/ami/systemd/web/recognition-web.service", "infra/docker/web.Dockerfile", "infra/local/stack.py"]
)
def test_every_site_is_started_with_the_limit_on_headers(start):
    words = re.sub('[",]', "", (ROOT / start).read_text())
    assert f"--http {HeaderLimitProtocol.__module__}:{HeaderLimitProtocol.__name__}" in words
