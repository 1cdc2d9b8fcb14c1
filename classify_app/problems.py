"""Refusals as RFC 9457 problems: one body, one media type, one stable `type` for each reason."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import sync_and_async_middleware

API_PREFIX = "/api/v1/"
MEDIA_TYPE = "application/problem+json"

DETAILS = {
    400: ("bad_request", "The request can't be read."),
    403: ("forbidden", "This is not allowed."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address doesn't take that method."),
    500: ("internal", "Something went wrong here; it has been logged."),
}
"""What is said of an answer that came without a problem of its own, from Django or from ninja."""


def problem(code: str, status: int, detail: str) -> HttpResponse:
    """Return a problem; `code` is stable and makes its type."""
    body = {"type": f"urn:problem:{code}", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JsonResponse(body, status=status, content_type=MEDIA_TYPE)


@sync_and_async_middleware
def problems_under_api(
    get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]],
) -> Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]:
    """Middleware that lets no error leave the API but as a problem: unknown addresses, other methods, crashes."""
    if iscoroutinefunction(get_response):

        async def answer_later(request: HttpRequest) -> HttpResponse:
            return _as_problem(request, await get_response(request))

        return answer_later

    def answer(request: HttpRequest) -> HttpResponse:
        return _as_problem(request, get_response(request))  # type: ignore[arg-type]

    return answer


def _as_problem(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if response.status_code not in DETAILS or not request.path_info.startswith(API_PREFIX):
        return response
    if response.headers.get("Content-Type") == MEDIA_TYPE:
        return response
    code, detail = DETAILS[response.status_code]
    ours = problem(code, response.status_code, detail)
    if "Allow" in response:
        ours["Allow"] = response["Allow"]
    return ours
