"""The site's own middleware. All of it can run asynchronously, so that a waiting request occupies no thread."""

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
"""The disk is full, the quota is used up, or the file is larger than the process may write."""

Answer = HttpResponse | Awaitable[HttpResponse]
Next = Callable[[HttpRequest], Answer]


def middleware(
    before: Callable[[HttpRequest], HttpResponse | None] = lambda _: None,
    after: Callable[[HttpRequest, HttpResponse], HttpResponse] = lambda _, response: response,
    on_exception: Callable[[HttpRequest, Exception], HttpResponse | None] | None = None,
) -> Callable[[Next], Next]:
    """Return middleware made of hooks: `before` may respond instead of the view, `after` may replace its response,
    and `on_exception` may turn an exception into a response.
    """

    @sync_and_async_middleware
    def around(get_response: Next) -> Next:
        async def respond_async(request: HttpRequest) -> HttpResponse:
            return before(request) or after(request, await get_response(request))  # type: ignore[misc]

        def respond(request: HttpRequest) -> HttpResponse:
            return before(request) or after(request, get_response(request))  # type: ignore[arg-type]

        chosen = respond_async if iscoroutinefunction(get_response) else respond
        if on_exception:
            chosen.process_exception = on_exception  # type: ignore[union-attr]
        return chosen

    return around


def _answer_health_check(request: HttpRequest) -> HttpResponse | None:
    if request.path_info != HEALTH_PATH:
        return None
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


def _ignore_charset(request: HttpRequest) -> None:
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
    """Log that the disk is full; return the refusal for an upload."""
    log.error("no disk space left for uploads, see TMPDIR", error=str(error))
    return unavailable("There is no space left for uploads at the moment; please try again later.")


health = middleware(before=_answer_health_check)
"""Responds to `/healthz`. Comes first, because load balancers send no valid host name, no login and no HTTPS."""

problems_under_api = middleware(after=as_problem)
"""Turns every error under the API into a problem, including 404, 405 and crashes."""

utf8_only = middleware(before=_ignore_charset)
"""Reads every body as UTF-8. Django would use the charset that the request names, which can be any Python codec."""

refusals = middleware(on_exception=_refused)
"""Turns refusals into responses, and responds with 503 while the database is unavailable or the disk is full."""
