"""Django's middleware and handler without a thread switch for each hook.

In an asynchronous request Django 5.2 runs every hook of its own middleware in a thread, because some may block. That is
thirteen thread switches, a quarter of the CPU time of an upload. The only hooks that block are those that save a
session or messages, or read a body for its CSRF token. Only these get a thread here.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import csp.middleware
from asgiref.sync import SyncToAsync, iscoroutinefunction, sync_to_async
from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.core.handlers import asgi
from django.core.signals import request_started
from django.db import close_old_connections, reset_queries
from django.http import HttpRequest
from django.middleware import clickjacking, common, csrf, security

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")


class Threadless:
    """Mixin that calls the hooks of a Django middleware in the event loop.

    `process_request` must never block. `process_response` runs in a thread if `blocks` returns True.
    """

    get_response: Any

    def blocks(self, request: HttpRequest) -> bool:
        return False

    async def __acall__(self, request: HttpRequest) -> Any:
        middleware: Any = self
        response = middleware.process_request(request) if hasattr(self, "process_request") else None
        response = response or await self.get_response(request)
        if not hasattr(self, "process_response"):
            return response
        if self.blocks(request):
            return await sync_to_async(middleware.process_response)(request, response)
        return middleware.process_response(request, response)


class SecurityMiddleware(Threadless, security.SecurityMiddleware):
    pass


class CSPMiddleware(Threadless, csp.middleware.CSPMiddleware):
    pass


class SessionMiddleware(Threadless, sessions.SessionMiddleware):
    def blocks(self, request: HttpRequest) -> bool:
        return request.session.modified


class CommonMiddleware(Threadless, common.CommonMiddleware):
    pass


class CsrfViewMiddleware(Threadless, csrf.CsrfViewMiddleware):
    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        if iscoroutinefunction(get_response):
            self.process_view = self._process_view  # type: ignore[assignment, method-assign]

    async def _process_view(self, request: HttpRequest, callback: Any, *arguments: Any) -> Any:
        check = super().process_view
        # The body is read only to compare a token.
        if request.method in SAFE_METHODS or getattr(callback, "csrf_exempt", False):
            return check(request, callback, *arguments)
        return await sync_to_async(check)(request, callback, *arguments)


class AuthenticationMiddleware(Threadless, auth.AuthenticationMiddleware):
    pass


class MessageMiddleware(Threadless, messages.MessageMiddleware):
    def blocks(self, request: HttpRequest) -> bool:
        stored = getattr(request, "_messages", None)
        return stored is not None and (stored.used or stored.added_new)


class XFrameOptionsMiddleware(Threadless, clickjacking.XFrameOptionsMiddleware):
    pass


def begin_and_end_without_thread() -> None:
    """Let Django begin and end a request in the event loop, unless it has a thread. There is no setting for that."""
    # Django calls these in a thread that the request then keeps, even while it waits for its result. The thread is new,
    # so it has neither old connections nor queries.
    for receiver in (close_old_connections, reset_queries):
        request_started.disconnect(receiver)
    asgi.sync_to_async = _in_the_requests_thread  # type: ignore[attr-defined]


def _in_the_requests_thread(close: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    """Return `close`, to be run in the request's thread, whose connection it closes, or at once if there is none.

    Django would start a thread only to close nothing in it, which takes a quarter of a millisecond of CPU time.
    """
    if SyncToAsync.thread_sensitive_context.get() in SyncToAsync.context_to_thread_executor:
        return sync_to_async(close)

    async def close_here() -> None:
        close()

    return close_here
