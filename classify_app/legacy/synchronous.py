"""The routes of the system this replaces: post a picture, wait, read its label as text.

Its clients send one multipart part, `myfile` or `inputFile`, which also chooses the form of the answer.
"""

from uuid import UUID

from django.contrib.auth.models import User
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.csrf import csrf_exempt

from classify_app.accounts.authentication import owner_of_token, token_in, unauthenticated
from classify_app.accounts.tokens import WRITE
from classify_app.http.responses import BAD_REQUEST, line
from classify_app.intake.rate_limits import address_of, take_open_upload, take_upload
from classify_app.intake.submission import submit
from classify_app.models import Classification, State
from classify_app.results.waiting import waiter
from classify_app.threads import in_thread
from project import env
from project.refusals import Refusal

UNREADABLE_BODY = "The body can't be read as multipart/form-data with one picture."

BARE = "myfile"
WITH_STEM = "inputFile"


@csrf_exempt
async def classify_and_wait(request: HttpRequest) -> HttpResponse:
    """Answer 200 with the label, or any other status with one line that says why."""
    if request.method != "POST":
        response = line("Post a picture here as multipart/form-data, in the field myfile or inputFile.", 405)
        response["Allow"] = "POST"
        return response
    field, row = await in_thread(lambda: _submit_posted(request))
    seconds = env.web().sync_wait_seconds
    if not await waiter.wait(row.id, seconds):
        return line(f"No result within {seconds} s; classification {row.id} goes on.", 504)
    row = await in_thread(lambda: finished(row.id))
    if row.state == State.FAILED:
        return line(row.error, 422)
    return line(row.label if field == BARE else f"{row.file_stem}:{row.label}", 200)


def _owner_of(request: HttpRequest) -> User | None:
    """Return the token's user, or nobody where the routes are open. Raises Refusal."""
    token = token_in(request)
    if token is not None:
        owner = owner_of_token(token, WRITE)
        take_upload(owner.pk)
        return owner
    if not env.web().open_synchronous_routes:
        raise unauthenticated("Send an API token with the scope write as: Authorization: Bearer TOKEN.")
    take_open_upload(address_of(request))
    return None


def _submit_posted(request: HttpRequest) -> tuple[str, Classification]:
    """Submit a request's picture; return the field that it came in, and its row. Raises Refusal."""
    owner = _owner_of(request)
    try:
        files = request.FILES
    except (MultiPartParserError, SuspiciousOperation) as error:
        raise Refusal(BAD_REQUEST, UNREADABLE_BODY) from error
    for field in (BARE, WITH_STEM):
        file = files.get(field)
        if file is not None:
            return field, submit(file, owner)
    raise Refusal("no_file", f"No picture in the field {BARE} or {WITH_STEM} of a multipart/form-data body.")


def finished(id: UUID) -> Classification:
    return Classification.objects.defer("record", "thumbnail").get(id=id)
