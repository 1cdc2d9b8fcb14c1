"""The site's own middleware. All of it also runs asynchronously, so that a waiting request holds no thread."""

import errno
from collections.abc import Awaitable, Callable

import structlog
from asgiref.sync import iscoroutinefunction
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

from classify_app.http.problems import answer_of, as_problem
from classify_app.refusals import RETRY_AFTER_SECONDS

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


def _away(request: HttpRequest, error: Exception) -> HttpResponse | None:
    if isinstance(error, OperationalError | InterfaceError):
        log.error("database away, see DATABASE_URL", error=str(error))
        return _later(request.path_info, "The database is away for the moment; please try again.")
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        return no_space(request.path_info, error)
    return None


def no_space(path: str, error: OSError) -> HttpResponse:
    """Answer for a body that the disk has no place for."""
    log.error("no space left for what is uploaded, see TMPDIR", error=str(error))
    return _later(path, "There is no space left for uploads at the moment; please try again later.")


def _later(path: str, sentence: str) -> HttpResponse:
    response = answer_of(path, "unavailable", 503, sentence)
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


health = middleware(before=_alive)
"""`/healthz`: the process answers. For load balancers, which know no host name, no account and no HTTPS."""

problems_under_api = middleware(after=as_problem)
"""Lets no error leave the API but as a problem: unknown addresses, other methods, crashes."""

utf8_alone = middleware(before=_forget_charset)
"""Reads bodies as UTF-8, whatever charset they claim: Django would try any codec of Python, such as `hex`."""

away = middleware(on_exception=_away)
"""Answers 503 with Retry-After while the database is away, or the disk full."""
