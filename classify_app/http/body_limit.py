"""The bound on what a request may send, and how slowly: kept while it arrives, before memory or disk fill."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.http import HttpResponse
from django.urls import reverse

from classify_app.http.middleware import NO_SPACE, no_space
from classify_app.http.responses import is_synchronous, refused
from project import env
from project.pictures import TOO_MANY_BYTES
from project.refusals import Refusal

ENVELOPE_BYTES = 64_000
"""What multipart/form-data may add to one picture."""

OTHER_BYTES = 1_000_000
"""For all that takes no pictures: logging in, the admin."""

LINGER_SECONDS = 5

Message = dict[str, Any]
Receive = Callable[[], Any]
Send = Callable[[Message], Any]


class BodyRefused(Refusal):
    """A body is too long or too slow."""


def allowed_at(path: str) -> int:
    """Return how many bytes a route takes."""
    if is_synchronous(path) or path == reverse("api:create_classification"):
        return env.web().max_upload_bytes + ENVELOPE_BYTES
    return env.web().max_form_bytes if path == reverse("upload") else OTHER_BYTES


class BodyLimit:
    """An ASGI application that passes requests on to another, and bodies only as far as their route takes them."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        path = scope["path"]
        try:
            await self._application(scope, Body(allowed_at(path), declared(scope), receive).receive, send)
        except BodyRefused as refusal:
            await _send(refused(path, refusal), receive, send)
        except OSError as error:
            # From Django, which writes a long body to a file before any view or middleware sees it.
            if error.errno not in NO_SPACE:
                raise
            await _send(refused(path, no_space(error)), receive, send)


def declared(scope: Message) -> int | None:
    """Return what the header Content-Length says; None for a body in chunks."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), None)


class Body:
    """A body on its way. Raises BodyRefused as soon as it is too long, or too late."""

    def __init__(self, allowed: int, declared: int | None, receive: Receive) -> None:
        self._allowed = allowed
        self._declared = declared
        self._receive = receive
        self._received = 0
        self._complete = False
        # In proportion, so that a long form may take longer than a picture.
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
            raise BodyRefused("too_slow", f"The body did not arrive within {self._seconds:,.0f} s.") from error
        self._received += len(message.get("body", b""))
        self._check(self._received)
        self._complete = not message.get("more_body", False)
        return message

    def _check(self, count: int) -> None:
        if count > self._allowed:
            raise BodyRefused(TOO_MANY_BYTES, f"The body has more than {self._allowed:,} bytes.")


async def _send(response: HttpResponse, receive: Receive, send: Send) -> None:
    """Answer, and close the connection: what is left of the body must not be read as the next request."""
    response["Content-Length"] = str(len(response.content))
    response["Connection"] = "close"
    response["X-Content-Type-Options"] = "nosniff"
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.content, "more_body": True})
    await _drain(receive)
    await send({"type": "http.response.body"})


async def _drain(receive: Receive) -> None:
    """Throw away what still comes, for a moment: a connection closed before would take the answer with it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while (await receive()).get("more_body", False):
                pass
