"""Requests that no HTTP client would send, as raw bytes on a connection, with pauses."""

import socket
import time
from collections.abc import Iterator, Mapping

from tests.promises.refused_with_a_reason.bodies import END, MULTIPART, PICTURE, part

PATH = "/api/v1/classifications"
BODY = part(PICTURE) + END
ANSWER_SECONDS = 10
PAUSE_SECONDS = 0.05

Pieces = Iterator[bytes] | list[bytes]


def head(*lines: str, request: str = f"POST {PATH} HTTP/1.1", host: str = "127.0.0.1") -> bytes:
    return "\r\n".join((request, f"Host: {host}", *lines, "", "")).encode("latin-1")


def connections(known: Mapping[str, str]) -> dict[str, Pieces]:
    """Return the pieces of each request by its name. `known` are the headers of an authorised user."""
    lines = [f"{name}: {value}" for name, value in known.items() if name.lower() == "authorization"]
    multipart = [*lines, f"Content-Type: {MULTIPART}"]
    length = f"Content-Length: {len(BODY)}"
    whole = [head(*multipart, length), BODY]
    return {
        "a whole body": whole,
        "a slow body": (whole[0], *(BODY[at : at + 40] for at in range(0, len(BODY), 40))),
        "half a body": [whole[0], BODY[:100]],
        "no body": [whole[0]],
        "a longer body": [head(*multipart, "Content-Length: 50"), BODY],
        "no length": [head(*multipart), BODY],
        "a negative length": [head(*multipart, "Content-Length: -1"), BODY],
        "a length of words": [head(*multipart, "Content-Length: many"), BODY],
        "two lengths": [head(*multipart, length, "Content-Length: 5"), BODY],
        "length and chunks": [head(*multipart, length, "Transfer-Encoding: chunked"), BODY],
        "chunks": [
            head(*multipart, "Transfer-Encoding: chunked"),
            f"{len(BODY):x}\r\n".encode(),
            BODY,
            b"\r\n0\r\n\r\n",
        ],
        "bad chunks": [head(*multipart, "Transfer-Encoding: chunked"), b"zzz\r\n", BODY],
        "endless chunk": [head(*multipart, "Transfer-Encoding: chunked"), b"ffffffffffffffff\r\n", BODY],
        "unknown coding": [head(*multipart, "Transfer-Encoding: nonsense"), BODY],
        "compressed": [head(*multipart, length, "Content-Encoding: gzip"), BODY],
        "a large header": [head(*multipart, length, "X-Large: " + "h" * 30_000), BODY],
        "a huge header": [head(*multipart, length, "X-Huge: " + "h" * 2_000_000), BODY],
        "many headers": [head(*multipart, length, *(f"X-{n}: h" for n in range(5_000))), BODY],
        "two types": [head(*multipart, length, "Content-Type: application/json"), BODY],
        "a header that ends nowhere": [b"POST / HTTP/1.1\r\nX: " + b"x" * 1_000],
        "a header with bytes": [head(*multipart, length, "X-Bytes: \xff\x01\x7f"), BODY],
        "a folded header": [head(*multipart, length, "X-Folded: a\r\n b"), BODY],
        "another host": [head(*multipart, length, host="evil.example"), BODY],
        "a host of nonsense": [head(*multipart, length, host="a/b@c:d"), BODY],
        "no host": [b"\r\n".join(line for line in whole[0].split(b"\r\n") if not line.startswith(b"Host")), BODY],
        "an old protocol": [head(*multipart, length, request=f"POST {PATH} HTTP/1.0"), BODY],
        "an unknown protocol": [head(*multipart, length, request=f"POST {PATH} HTTP/9.9"), BODY],
        "an unknown method": [head(*multipart, length, request=f"BREW {PATH} HTTP/1.1"), BODY],
        "a long address": [head(*multipart, length, request=f"POST {PATH}?{'q' * 60_000} HTTP/1.1"), BODY],
        "an address of bytes": [head(*multipart, length, request=f"POST {PATH}/%00%ff%fe HTTP/1.1"), BODY],
        "a path upwards": [head(*multipart, length, request=f"POST {PATH}/../../../etc/passwd HTTP/1.1"), BODY],
        "an upgrade": [head(*multipart, length, "Connection: Upgrade", "Upgrade: websocket"), BODY],
        "nothing but noise": [bytes(range(256)) * 4],
        "a TLS greeting": [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300)],
    }


def status_of(port: int, pieces: Pieces) -> int | None:
    """Send the pieces of a request; return the response's status, or None if the connection is closed without one."""
    answer = _exchange(port, pieces)
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else None


def _exchange(port: int, pieces: Pieces) -> bytes:
    answer = b""
    with socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(PAUSE_SECONDS)
            connection.shutdown(socket.SHUT_WR)
            while received := connection.recv(65_536):
                answer += received
        except OSError:  # It was closed before all was sent, or the response timed out.
            return answer
    return answer
