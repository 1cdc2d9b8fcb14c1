"""Error responses: the status of each refusal, and its body for each kind of route."""

import re
from http import HTTPStatus

from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.template.loader import render_to_string

from project.pictures import NOT_AN_IMAGE, TOO_MANY_BYTES
from project.refusals import Refusal

API_PREFIX = "/api/v1/"
MEDIA_TYPE = "application/problem+json"
BEARER = "Bearer"

BAD_REQUEST = "bad_request"
UNREADABLE_BODY = "The body can't be read as multipart/form-data with one picture."
FORBIDDEN = "forbidden"
NOT_FOUND = "not_found"
METHOD_NOT_ALLOWED = "method_not_allowed"
BODY_TOO_SLOW = "too_slow"
HEADER_TOO_LONG = "header_too_long"
NOT_MULTIPART = "not_multipart"
INVALID = "invalid"
INTERNAL = "internal"

STATUS = {
    BAD_REQUEST: 400,
    "unauthenticated": 401,
    FORBIDDEN: 403,
    "scope": 403,
    "csrf": 403,
    NOT_FOUND: 404,
    METHOD_NOT_ALLOWED: 405,
    BODY_TOO_SLOW: 408,
    "picture_gone": 409,
    "gone": 410,
    TOO_MANY_BYTES: 413,
    NOT_AN_IMAGE: 415,
    NOT_MULTIPART: 415,
    "rate_limited": 429,
    HEADER_TOO_LONG: 431,
    INTERNAL: 500,
    "unavailable": 503,
    "backlog_full": 503,
}
"""The HTTP status of each refusal code; all other codes get 422."""

DEFAULT_REFUSALS = {
    400: Refusal(BAD_REQUEST, "The request can't be read."),
    403: Refusal(FORBIDDEN, "This is not allowed."),
    404: Refusal(NOT_FOUND, "There is nothing at this address."),
    405: Refusal(METHOD_NOT_ALLOWED, "This address doesn't take that method."),
    500: Refusal(INTERNAL, "Something went wrong here; it has been logged."),
}
"""The refusals for responses of Django or ninja that have a status only."""


def status_of(refusal: Refusal) -> int:
    return STATUS.get(refusal.code, 422)


def refused(path: str, refusal: Refusal) -> HttpResponse:
    """Return the response to a refused request.

    The synchronous routes get a line of text, the API a problem, all others a page that needs no database.
    """
    status = status_of(refusal)
    if is_synchronous(path):
        response = line(str(refusal), status)
    elif path.startswith(API_PREFIX):
        response = problem(refusal)
    else:
        response = HttpResponse(render_to_string("classify_app/refused.html", {"reason": str(refusal)}), status=status)
    if refusal.retry_after is not None:
        response["Retry-After"] = str(refusal.retry_after)
    if status == 401:
        response["WWW-Authenticate"] = BEARER
    return response


def problem(refusal: Refusal) -> HttpResponse:
    """Return a refusal as an RFC 9457 problem with `type` urn:problem:CODE."""
    status = status_of(refusal)
    title = HTTPStatus(status).phrase
    body = {"type": f"urn:problem:{refusal.code}", "title": title, "status": status, "detail": str(refusal)}
    return JsonResponse(body, status=status, content_type=MEDIA_TYPE)


def line(sentence: str, status: int) -> HttpResponse:
    """Return one line of plain text, the format of the synchronous routes."""
    return HttpResponse(sentence, status=status, content_type="text/plain; charset=utf-8")


def is_synchronous(path: str) -> bool:
    return re.search(settings.SYNCHRONOUS_ROUTES, path.removeprefix("/")) is not None


def as_problem(response: HttpResponse) -> HttpResponse:
    """Return the response, with a problem as its content if it is an error that isn't a problem yet."""
    if response.status_code in DEFAULT_REFUSALS and response.headers.get("Content-Type") != MEDIA_TYPE:
        # Its other headers stay: Allow, and those that say what a browser may do with it.
        response.content = problem(DEFAULT_REFUSALS[response.status_code]).content
        response["Content-Type"] = MEDIA_TYPE
        response["Content-Length"] = str(len(response.content))
    return response
