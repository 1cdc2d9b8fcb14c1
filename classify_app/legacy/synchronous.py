"""The synchronous routes of the legacy system: post a picture, wait, get its label as text.

Clients send one multipart field. The response to `myfile` is `LABEL`, to `inputFile` it is `FILE_STEM:LABEL`.
"""

from django.contrib.auth.models import User
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.csrf import csrf_exempt

from classify_app.accounts.authentication import token_in, token_with, unauthenticated
from classify_app.accounts.tokens import READ, WRITE
from classify_app.http.multipart import MULTIPART, missing_file
from classify_app.http.responses import BAD_REQUEST, UNREADABLE_BODY, line
from classify_app.intake.rate_limits import address_of, limit_anonymous_uploads, limit_uploads
from classify_app.intake.submission import submit
from classify_app.intake.upload_line import upload_line
from classify_app.models import Classification, State
from classify_app.results.waiting import waiter
from classify_app.threads import in_thread
from project import env
from project.refusals import Refusal

LABEL_FIELD = "myfile"
STEM_AND_LABEL_FIELD = "inputFile"


@csrf_exempt
async def classify_and_wait(request: HttpRequest) -> HttpResponse:
    """Respond with 200 and the label, or with another status and one line that gives the reason."""
    if request.method != "POST":
        response = line("Post a picture here as multipart/form-data, in the field myfile or inputFile.", 405)
        response["Allow"] = "POST"
        return response
    owner = await in_thread(lambda: _owner_of(request))
    with limit_uploads(owner.pk) if owner else limit_anonymous_uploads(address_of(request)):
        field, row = await upload_line.run(lambda: _submit_posted(request, owner))
    request.close()  # While it waits it keeps its socket, but not the picture.
    seconds = env.web().sync_wait_seconds
    finished = await waiter.wait(row.id, seconds)
    if finished is None:
        return line(f"No result within {seconds} s; classification {row.id} continues.", 504)
    if finished.state == State.FAILED:
        return line(finished.error, 422)
    return line(finished.label if field == LABEL_FIELD else f"{finished.file_stem}:{finished.label}", 200)


def _owner_of(request: HttpRequest) -> User | None:
    """Return the token's user, or None without a token if the routes are open. Raises Refusal."""
    token = token_in(request)
    if token is not None:
        return token_with(token, READ, WRITE).user
    if not env.web().open_synchronous_routes:
        raise unauthenticated("Send an API token with the scopes read and write as: Authorization: Bearer TOKEN.")
    return None


def _submit_posted(request: HttpRequest, owner: User | None) -> tuple[str, Classification]:
    """Submit a request's picture; return its field name and its row. Raises Refusal."""
    if request.content_type != MULTIPART:
        raise missing_file(request, LABEL_FIELD, STEM_AND_LABEL_FIELD)  # before Django looks for a web form's fields
    try:
        files = request.FILES
    except (MultiPartParserError, SuspiciousOperation) as error:
        raise Refusal(BAD_REQUEST, UNREADABLE_BODY) from error
    for field in (LABEL_FIELD, STEM_AND_LABEL_FIELD):
        file = files.get(field)
        if file is not None:
            return field, submit(file, owner)
    raise missing_file(request, LABEL_FIELD, STEM_AND_LABEL_FIELD)
