"""The site's own middleware. All of it also runs asynchronously, so that a waiting request holds no thread."""

import errno
from collections.abc import Awaitable, Callable

import structlog
from asgiref.sync import iscoroutinefunction
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

from classify_app.http.responses import as_problem, refused
from project.refusals import Refusal, unavailable

log = structlog.get_logger()

HEALTH_PATH = "/healthz"
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""A full disk, a used up quota, and a file larger than the process may write."""

Answer = HttpResponse | Awaitable[HttpResponse]
Next = Callable[[HttpRequest], Answer]


def middleware(
    before: Callable[[HttpRequest], HttpResponse | None] = lambda _: None,
    after: Callable[[HttpRequest, HttpResponse], HttpResponse] = lambda _, response: response,
    on_exception: Callable[[HttpRequest, Exception], HttpResponse | None] | None = None,
) -> Callable[[Next], Next]:
    """Return middleware that may answer before the view, change what it answers, or answer for what it raises."""

    @sync_and_async_middleware
    def around(get_response: Next) -> Next:
        async def answer_later(request: HttpRequest) -> HttpResponse:
            return before(request) or after(request, await get_response(request))  # type: ignore[misc]

        def answer(request: HttpRequest) -> HttpResponse:
            return before(request) or after(request, get_response(request))  # type: ignore[arg-type]

        chosen = answer_later if iscoroutinefunction(get_response) else answer
        if on_exception:
            chosen.process_exception = on_exception  # type: ignore[union-attr]
        return chosen

    return around


def _alive(request: HttpRequest) -> HttpResponse | None:
    if request.path_info != HEALTH_PATH:
        return None
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


def _forget_charset(request: HttpRequest) -> None:
    request.encoding = None  # type: ignore[assignment]


def _refused(request: HttpRequest, error: Exception) -> HttpResponse | None:
    refusal = _refusal_for(error)
    return refused(request.path_info, refusal) if refusal else None


def _refusal_for(error: Exception) -> Refusal | None:
    if isinstance(error, Refusal):
        return error
    if isinstance(error, OperationalError | InterfaceError):
        log.error("database unavailable, see DATABASE_URL", error=str(error))
        return unavailable("The database is unavailable at the moment; please try again.")
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        return no_space(error)
    return None


def no_space(error: OSError) -> Refusal:
    """Return the refusal of a body that the disk has no space for."""
    log.error("no space left for what is uploaded, see TMPDIR", error=str(error))
    return unavailable("There is no space left for uploads at the moment; please try again later.")


health = middleware(before=_alive)
"""`/healthz`: the process answers. For load balancers, which know no host name, no account and no HTTPS."""

problems_under_api = middleware(after=as_problem)
"""Lets no error leave the API but as a problem: unknown addresses, other methods, crashes."""

utf8_alone = middleware(before=_forget_charset)
"""Reads bodies as UTF-8, whatever charset they claim: Django would try any codec of Python, such as `hex`."""

refusals = middleware(on_exception=_refused)
"""Answers what a view refuses, and 503 with Retry-After while the database is unavailable or the disk is full."""
