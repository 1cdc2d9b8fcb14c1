"""The site's own middleware. None of it blocks, so its hooks for requests and responses run in the event loop."""

import errno

import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control
from django.utils.deprecation import MiddlewareMixin

from classify_app.http.responses import API_PREFIX, as_problem, refused
from classify_app.http.threadless import Threadless
from project.refusals import Refusal, unavailable

log = structlog.get_logger()

HEALTH_PATH = "/healthz"
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The disk is full, the quota is used up, or the file is larger than the process may write."""


class HealthMiddleware(Threadless, MiddlewareMixin):
    """Responds to `/healthz`. Comes first, because load balancers send no valid host name, no login and no HTTPS."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        if request.path_info != HEALTH_PATH:
            return None
        return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


class ProblemMiddleware(Threadless, MiddlewareMixin):
    """Turns every error under the API into a problem, including 404, 405 and crashes. No answer there may be stored."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if not request.path_info.startswith(API_PREFIX):
            return response
        patch_cache_control(response, no_store=True)
        return as_problem(response)


class Utf8Middleware(Threadless, MiddlewareMixin):
    """Reads every body as UTF-8. Django would use the charset that the request names, which can be any Python codec."""

    def process_request(self, request: HttpRequest) -> None:
        request.encoding = None  # type: ignore[assignment]


class RefusalMiddleware(Threadless, MiddlewareMixin):
    """Turns refusals into responses, and responds with 503 while the database is unavailable or the disk is full."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
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
