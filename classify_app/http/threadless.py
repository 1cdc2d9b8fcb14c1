"""Django's middleware in asynchronous requests, without a change of thread for each of its hooks.

Django 5.2 runs every hook of its classic middleware in a thread, since some may block: thirteen changes of thread a
request, a quarter of what an upload costs the site. None of the hooks blocks but those that save a session or messages,
or read a body for its CSRF token; just these still get a thread.
"""

from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async
from csp.middleware import CSPMiddleware
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.security import SecurityMiddleware

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")


def _saves_session(request: HttpRequest) -> bool:
    return request.session.modified


def _saves_messages(request: HttpRequest) -> bool:
    messages = getattr(request, "_messages", None)
    return messages is not None and (messages.used or messages.added_new)


def _never(request: HttpRequest) -> bool:
    return False


BLOCKS: dict[type, Callable[[HttpRequest], bool]] = {
    SecurityMiddleware: _never,
    CSPMiddleware: _never,
    SessionMiddleware: _saves_session,
    CommonMiddleware: _never,
    CsrfViewMiddleware: _never,
    AuthenticationMiddleware: _never,
    MessageMiddleware: _saves_messages,
    XFrameOptionsMiddleware: _never,
}
"""When the hook for a response may block; the hooks for requests never do."""


def _calling(blocks: Callable[[HttpRequest], bool]) -> Callable[[Any, HttpRequest], Any]:
    async def call(self: Any, request: HttpRequest) -> Any:
        response = self.process_request(request) if hasattr(self, "process_request") else None
        response = response or await self.get_response(request)
        if not hasattr(self, "process_response"):
            return response
        if blocks(request):
            return await sync_to_async(self.process_response)(request, response)
        return self.process_response(request, response)

    return call


class Handler(ASGIHandler):
    """Django's handler of asynchronous requests, with its middleware as above."""

    def load_middleware(self, is_async: bool = False) -> None:
        for middleware, blocks in BLOCKS.items():
            middleware.__acall__ = _calling(blocks)  # type: ignore[attr-defined]
        super().load_middleware(is_async)

    def adapt_method_mode(self, is_async: bool, method: Any, *args: Any, **kwargs: Any) -> Any:
        threaded: Any = super().adapt_method_mode(is_async, method, *args, **kwargs)
        if not is_async or not isinstance(getattr(method, "__self__", None), CsrfViewMiddleware):
            return threaded

        async def check(request: HttpRequest, callback: Any, *arguments: Any) -> Any:
            # Only to compare a token is the body read.
            reads_body = request.method not in SAFE_METHODS and not getattr(callback, "csrf_exempt", False)
            return (
                await threaded(request, callback, *arguments) if reads_body else method(request, callback, *arguments)
            )

        return check
