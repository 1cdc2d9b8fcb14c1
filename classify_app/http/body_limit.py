"""Limits on the size and duration of a request body, enforced while it arrives."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.http import HttpResponse
from django.urls import reverse

from classify_app.http.header_limit import MAX_HEADER_BYTES, TOO_LONG
from classify_app.http.middleware import NO_SPACE, no_space
from classify_app.http.responses import BODY_TOO_SLOW, HEADER_TOO_LONG, is_synchronous, refused
from project import env
from project.pictures import TOO_MANY_BYTES
from project.refusals import Refusal

ENVELOPE_BYTES = 64_000
"""Allowance for what multipart/form-data adds to one picture."""

OTHER_BYTES = 1_000_000
"""Limit of the routes that take no pictures, such as login and the admin."""

LINGER_SECONDS = 5  # how long a refused body is still read, so that the client gets the response

Message = dict[str, Any]
Receive = Callable[[], Any]
Send = Callable[[Message], Any]


def max_body_bytes(path: str) -> int:
    """Return the largest body that a route accepts, in bytes."""
    if is_synchronous(path) or path == reverse("api:create_classification"):
        return env.web().max_upload_bytes + ENVELOPE_BYTES
    return env.web().max_form_bytes if path == reverse("upload") else OTHER_BYTES


class BodyLimit:
    """ASGI middleware that refuses bodies larger or slower than their route allows, and headers that are too long."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        path, scope = scope["path"], dict(scope)
        try:
            check_header(scope)
            await self._application(scope, Body(scope, receive).receive, send)
        except Refusal as refusal:
            await _send(refused(path, refusal), receive, send)
        except OSError as error:
            # Django writes a long body to a file before any view or middleware runs.
            if error.errno not in NO_SPACE:
                raise
            await _send(refused(path, no_space(error)), receive, send)


def check_header(scope: Message) -> None:
    """Raise Refusal if the address and the header fields have more than MAX_HEADER_BYTES together."""
    address = len(scope["raw_path"]) + len(scope["query_string"])
    fields = sum(len(name) + len(": ") + len(value) + len("\r\n") for name, value in scope["headers"])
    if address + fields > MAX_HEADER_BYTES:
        raise Refusal(HEADER_TOO_LONG, TOO_LONG)


def content_length(scope: Message) -> int | None:
    """Return the Content-Length in bytes, or None for a chunked body."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), None)


class Body:
    """A request body while it arrives. `receive` raises Refusal as soon as it is too long or too late.

    A chunked body gets its Content-Length in the scope when it is complete: without one Django reads no multipart body.
    """

    def __init__(self, scope: Message, receive: Receive) -> None:
        self._scope = scope
        self._allowed = allowed = max_body_bytes(scope["path"])
        self._declared = declared = content_length(scope)
        self._receive = receive
        self._received = 0
        self._complete = False
        # In proportion to the size, so that a form with many pictures gets more time than one picture.
        share = max(1.0, (allowed if declared is None else declared) / env.web().max_upload_bytes)
        self._seconds = env.web().body_seconds * share
        self._deadline = asyncio.get_running_loop().time() + self._seconds

    async def receive(self) -> Message:
        self._check(self._declared or 0)
        if self._complete:
            message: Message = await self._receive()
            return message
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError as error:
            raise Refusal(BODY_TOO_SLOW, f"The body did not arrive within {self._seconds:,.0f} s.") from error
        self._received += len(message.get("body", b""))
        self._check(self._received)
        self._complete = not message.get("more_body", False)
        if self._complete and self._received and self._declared is None:
            self._scope["headers"] = [*self._scope["headers"], (b"content-length", str(self._received).encode())]
        return message

    def _check(self, count: int) -> None:
        if count > self._allowed:
            raise Refusal(TOO_MANY_BYTES, f"The body has more than {self._allowed:,} bytes.")


async def _send(response: HttpResponse, receive: Receive, send: Send) -> None:
    """Send a response and close the connection, so that the rest of the body isn't read as the next request."""
    response["Content-Length"] = str(len(response.content))
    response["Connection"] = "close"
    response["X-Content-Type-Options"] = "nosniff"
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.content, "more_body": True})
    await _drain(receive)
    await send({"type": "http.response.body"})


async def _drain(receive: Receive) -> None:
    """Discard the rest of the body for up to LINGER_SECONDS: closing at once could lose the response."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while (await receive()).get("more_body", False):
                pass
