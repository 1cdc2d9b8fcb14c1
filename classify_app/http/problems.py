"""Refusals as RFC 9457 problems: one body, one media type, one stable `type` for each reason."""

import re
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

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


class Refusal(Exception):
    """A request that isn't let in; `code` is stable, the text is a sentence."""

    def __init__(self, code: str, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.status = status


def problem(code: str, status: int, detail: str) -> HttpResponse:
    """Return a problem; `code` is stable and makes its type."""
    body = {"type": f"urn:problem:{code}", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JsonResponse(body, status=status, content_type=MEDIA_TYPE)


def line(sentence: str, status: int) -> HttpResponse:
    """Return one line of text, as the synchronous routes answer."""
    return HttpResponse(sentence, status=status, content_type="text/plain; charset=utf-8")


def answer_of(path: str, code: str, status: int, sentence: str) -> HttpResponse:
    """Refuse in the way of the route: a line, a problem, or a page that needs neither user nor database."""
    if is_synchronous(path):
        return line(sentence, status)
    if path.startswith(API_PREFIX):
        return problem(code, status, sentence)
    page = render_to_string("classify_app/refused.html", {"reason": sentence})
    return HttpResponse(page, status=status)


def is_synchronous(path: str) -> bool:
    return re.search(settings.SYNCHRONOUS_ROUTES, path.removeprefix("/")) is not None


def as_problem(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Return an answer as it is, or as a problem where it is an error under the API that isn't one yet."""
    if response.status_code not in DETAILS or not request.path_info.startswith(API_PREFIX):
        return response
    if response.headers.get("Content-Type") == MEDIA_TYPE:
        return response
    code, detail = DETAILS[response.status_code]
    ours = problem(code, response.status_code, detail)
    if "Allow" in response:
        ours["Allow"] = response["Allow"]
    return ours
