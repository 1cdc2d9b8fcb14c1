"""The routes of the system this replaces: post a picture, wait, read its label as text.

Its clients send one multipart part, `myfile` or `inputFile`, which also chooses the form of the answer.
"""

from uuid import UUID

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.csrf import csrf_exempt

from classify_app.models import Classification, State
from classify_app.submission import (
    BAD_REQUEST,
    RETRY_AFTER_SECONDS,
    UNREADABLE_BODY,
    Unavailable,
    status_of,
    submit,
)
from classify_app.waiting import in_upload_thread, waiter
from project import env
from project.pictures import BadPicture

BARE = "myfile"
WITH_STEM = "inputFile"


@csrf_exempt
async def classify_and_wait(request: HttpRequest) -> HttpResponse:
    """Answer 200 with the label, or any other status with one line that says why."""
    if request.method != "POST":
        response = _text("Post a picture here as multipart/form-data, in the field myfile or inputFile.", 405)
        response["Allow"] = "POST"
        return response
    try:
        field, row = await in_upload_thread(lambda: _submit_posted(request))
    except BadPicture as refusal:
        return _text(str(refusal), status_of(refusal))
    except Unavailable as error:
        response = _text(str(error), 503)
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response
    seconds = env.web().sync_wait_seconds
    if not await waiter.wait(row.id, seconds):
        return _text(f"No result within {seconds} s; classification {row.id} goes on.", 504)
    row = await in_upload_thread(lambda: finished(row.id))
    if row.state == State.FAILED:
        return _text(row.error, 422)
    return _text(row.label if field == BARE else f"{row.file_stem}:{row.label}", 200)


def _submit_posted(request: HttpRequest) -> tuple[str, Classification]:
    try:
        files = request.FILES
    except (MultiPartParserError, SuspiciousOperation) as error:
        raise BadPicture(BAD_REQUEST, UNREADABLE_BODY) from error
    for field in (BARE, WITH_STEM):
        file = files.get(field)
        if file is not None:
            return field, submit(file)
    raise BadPicture("no_file", f"No picture in the field {BARE} or {WITH_STEM} of a multipart/form-data body.")


def finished(id: UUID) -> Classification:
    return Classification.objects.defer("record", "thumbnail").get(id=id)


def _text(line: str, status: int) -> HttpResponse:
    return HttpResponse(line, status=status, content_type="text/plain; charset=utf-8")
