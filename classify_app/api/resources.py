"""The REST API: post a picture to `/api/v1/classifications`, then poll its resource or wait with `Prefer: wait`."""

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from csp.constants import SELF
from csp.decorators import csp_update
from django.core.exceptions import SuspiciousOperation
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from ninja import File, NinjaAPI, Schema, Status
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.files import UploadedFile
from ninja.openapi.schema import OpenAPISchema
from ninja.pagination import CursorPagination, paginate
from pydantic import BaseModel, Field

from classify_app.accounts.authentication import Bearer, Session, UserRequest, unauthenticated
from classify_app.accounts.tokens import READ, WRITE
from classify_app.http.multipart import MULTIPART, missing_file
from classify_app.http.responses import BAD_REQUEST, INVALID, MEDIA_TYPE, NOT_FOUND, UNREADABLE_BODY, refused
from classify_app.intake.rate_limits import limit_uploads
from classify_app.intake.submission import rerun, submit
from classify_app.intake.upload_line import upload_line
from classify_app.models import Classification, visible_to
from classify_app.results.waiting import waiter
from classify_app.threads import in_thread
from project import contract, env
from project.pictures import MEDIA_TYPES
from project.refusals import Refusal


class Api(NinjaAPI):
    """The API with errors declared as problems, and with HEAD wherever there is GET.

    ninja alone declares every response as application/json, and answers HEAD with 405.
    """

    def get(self, path: str, **options: Any) -> Any:
        return self.api_operation(["GET", "HEAD"], path, **options)

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**options)
        for operations in schema["paths"].values():
            operations.pop("head", None)  # HTTP says what it does; to describe it would repeat GET's description.
            for operation in operations.values():
                for status, answer in operation["responses"].items():
                    if int(status) >= 400:
                        answer["content"] = {MEDIA_TYPE: answer["content"]["application/json"]}
        return schema


api = Api(
    title="Image recognition",
    version="1",
    description="Post a picture, get its label. Errors are `application/problem+json` (RFC 9457). "
    "Send your token as `Authorization: Bearer TOKEN`; create tokens on the site's account page. "
    "Users see their own pictures, staff see all.",
    urls_namespace="api",
    auth=[Bearer(READ), Session()],
    # The style sheet of the documentation page contains its icons as data URLs.
    docs_decorator=csp_update({"img-src": [SELF, "data:"]}),
)

PAGE_SIZE = 50
MAX_PAGE_SIZE = 100
AUTHENTICATION_ERRORS = (401, 403)
UPLOAD_ERRORS = (400, *AUTHENTICATION_ERRORS, 408, 413, 415, 422, 429, 503)
RERUN_ERRORS = (*AUTHENTICATION_ERRORS, 404, 409, 422, 429, 503)


class PredictionOut(BaseModel):  # ninja's Schema would look for a resolver for each field of each prediction
    label: str
    index: int = Field(description="ImageNet class, 0 to 999")
    confidence: float = Field(description="Softmax probability, 0 to 1")


class ClassificationOut(Schema):
    """A classification: queued, then done or failed."""

    id: UUID
    state: str
    file_name: str
    format: str
    width: int
    height: int
    bytes: int
    label: str | None = Field(description="The most likely label; null until done")
    confidence: float | None
    top5: list[PredictionOut]
    model: str | None
    weights: str | None
    fallback: bool = Field(description="True if the fallback model was used instead of the configured one")
    error_code: str | None
    error: str | None = Field(description="Why it failed")
    created_at: datetime
    finished_at: datetime | None = Field(
        description="When the worker had finished, or when the picture was given up. "
        "Clients see it a moment later: as soon as the result is in the database"
    )
    rerun_of: UUID | None = Field(description="The classification whose picture was classified again")
    url: str

    @staticmethod
    def resolve_label(row: Classification) -> str | None:
        return row.label or None

    @staticmethod
    def resolve_model(row: Classification) -> str | None:
        return row.model or None

    @staticmethod
    def resolve_weights(row: Classification) -> str | None:
        return row.weights or None

    @staticmethod
    def resolve_error_code(row: Classification) -> str | None:
        return row.error_code or None

    @staticmethod
    def resolve_error(row: Classification) -> str | None:
        return row.error or None

    @staticmethod
    def resolve_rerun_of(row: Classification) -> UUID | None:
        return row.rerun_of_id

    @staticmethod
    def resolve_url(row: Classification) -> str:
        return resource_path(row.id)


class ProblemOut(Schema):
    type: str
    title: str
    status: int
    detail: str


def resource_path(id: UUID) -> str:
    return f"/api/v1/classifications/{id}"


# ninja alone would describe any bytes, and none.
FILE = {
    "description": f"A picture in one of the formats {', '.join(contract.FORMATS)}, of at most "
    f"{env.web().max_upload_bytes:,} bytes and {env.common().max_pixels:,} pixels",
    "minLength": 1,
    "maxLength": env.web().max_upload_bytes,
}
FORM = {
    "schema": {"properties": {"file": FILE}},
    "encoding": {"file": {"contentType": ", ".join(MEDIA_TYPES)}},
}


@api.post(
    "/classifications",
    response={200: ClassificationOut, 202: ClassificationOut} | dict.fromkeys(UPLOAD_ERRORS, ProblemOut),
    summary="Classify a picture",
    auth=[Bearer(WRITE), Session()],
    openapi_extra={"requestBody": {"content": {MULTIPART: FORM}}},
)
async def create_classification(request: UserRequest, response: HttpResponse, file: File[UploadedFile]) -> Any:
    """Accept a picture and respond with 202, its resource and `Location`.

    With the header `Prefer: wait=N` respond with 200 and the result, or with 202 if it takes longer than N seconds.
    A token needs the scope `read` for that.
    """
    check_parameters(request)
    seconds = preferred_wait(request)
    with limit_uploads(request.user.pk):
        row = await upload_line.run(lambda: submit(file, request.user))
    return await _accepted(request, response, row, seconds)


@api.post(
    "/classifications/{id}/rerun",
    response={200: ClassificationOut, 202: ClassificationOut} | dict.fromkeys(RERUN_ERRORS, ProblemOut),
    summary="Classify the same picture again",
    auth=[Bearer(READ, WRITE), Session()],
)
async def rerun_classification(request: UserRequest, response: HttpResponse, id: UUID) -> Any:
    """Create a new classification of the stored picture. Responds as to a new picture. A token needs both scopes.

    Responds with 409 if the picture is no longer stored.
    """
    check_parameters(request)
    seconds = preferred_wait(request)
    original = await in_thread(lambda: visible_row(request, id))
    with limit_uploads(request.user.pk):
        row = await upload_line.run(lambda: rerun(original))
    return await _accepted(request, response, row, seconds)


async def _accepted(request: UserRequest, response: HttpResponse, row: Classification, seconds: int | None) -> Any:
    """Respond with 202 and the new resource, or wait for the result as long as the request asks."""
    response["Location"] = resource_path(row.id)
    if seconds is None:
        return Status(202, row)
    response["Preference-Applied"] = f"wait={seconds}"
    request.close()  # While it waits it keeps its socket, but not the picture.
    finished = await waiter.wait(row.id, seconds)
    return Status(200, finished) if finished else Status(202, row)


def preferred_wait(request: UserRequest) -> int | None:
    """Return the seconds of `wait=N` in the Prefer header (RFC 7240), at most SYNC_WAIT_SECONDS.

    Raises Refusal for a token that may not read the result.
    """
    seconds = wait_in(request.headers.get("Prefer", ""))
    if seconds is not None and READ not in request.scopes:
        raise Refusal("scope", "The token does not have the scope read, which `Prefer: wait` needs for the result.")
    return seconds


def wait_in(prefer: str) -> int | None:
    found = re.search(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,9})", prefer, re.IGNORECASE)
    return min(int(found[1]), env.web().sync_wait_seconds) if found else None


@api.get(
    "/classifications/{id}",
    response={200: ClassificationOut} | dict.fromkeys((*AUTHENTICATION_ERRORS, 404, 422), ProblemOut),
    summary="Read a classification",
)
def read_classification(request: HttpRequest, id: UUID) -> Classification:
    check_parameters(request)
    return visible_row(request, id)


def visible_row(request: HttpRequest, id: UUID) -> Classification:
    """Return a classification that the user may see. Raises Http404."""
    row: Classification | None = visible_to(request.user).filter(id=id).first()
    if row is None:
        raise Http404(f"There is no classification {id}.")
    return row


def check_parameters(request: HttpRequest, *known: str) -> None:
    """Raise Refusal for a query parameter that the operation doesn't have: ignored, it would seem to work."""
    unknown = sorted(set(request.GET) - set(known))
    if unknown:
        expected = f"known are {', '.join(known)}" if known else "there are none here"
        raise Refusal(INVALID, f"Unknown query parameters: {', '.join(unknown)}; {expected}.")


class Pages(CursorPagination):
    """Pagination by id. An invalid cursor is refused with 422; ninja alone responds with 500."""

    class Input(CursorPagination.Input):
        page_size: int | None = Field(None, ge=1, description=f"At most {MAX_PAGE_SIZE}; more are not sent at once")

    class Cursor(CursorPagination.Cursor):
        @classmethod
        def from_encoded_param(cls, encoded_param: str | None, context: Any = None) -> "CursorPagination.Cursor":
            try:
                cursor = super().from_encoded_param(encoded_param, context)
                if cursor.p is not None:
                    UUID(cursor.p)
            except (ValidationError, ValueError) as error:
                raise ValidationError([{"loc": ("query", "cursor"), "msg": "Not a valid cursor"}]) from error
            return cursor


@api.get(
    "/classifications",
    response={200: list[ClassificationOut]} | dict.fromkeys((*AUTHENTICATION_ERRORS, 422), ProblemOut),
    summary="List all, newest first",
)
@paginate(Pages, ordering=("-id",), page_size=PAGE_SIZE, max_page_size=MAX_PAGE_SIZE)
def list_classifications(request: HttpRequest) -> QuerySet[Classification]:
    check_parameters(request, "cursor", "page_size")
    return visible_to(request.user)


@api.exception_handler(Refusal)
def refuse(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    return refused(request.path_info, refusal)


@api.exception_handler(AuthenticationError)
def not_authenticated(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return refuse(request, unauthenticated("Send an API token as: Authorization: Bearer TOKEN."))


@api.exception_handler(Http404)
def not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return refuse(request, Refusal(NOT_FOUND, str(error) or "There is nothing at this address."))


@api.exception_handler(HttpError)
@api.exception_handler(MultiPartParserError)
@api.exception_handler(SuspiciousOperation)
def unreadable(request: HttpRequest, error: Exception) -> HttpResponse:
    if request.method == "POST" and request.content_type != MULTIPART:
        return refuse(request, missing_file(request, "file"))  # Django has looked for a web form's fields in it.
    return refuse(request, Refusal(BAD_REQUEST, UNREADABLE_BODY))


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    if any(one["loc"][0] == "file" for one in error.errors):
        return refuse(request, missing_file(request, "file"))
    detail = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors)
    return refuse(request, Refusal(INVALID, detail))
