"""Accept a picture: store it in S3, save its row, send its message. A crash in between loses no accepted picture.

A row without `submitted_at` has no message yet. The outbox sends it, or else `manage.py resubmit_stale`.
"""

from functools import partial
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.db import Error as DatabaseError
from django.db import transaction

from classify_app.intake import outbox
from classify_app.intake.backlog import backlog
from classify_app.intake.upload_line import upload_line
from classify_app.models import Classification, new_id
from classify_app.threads import release_connection
from project import contract, env
from project.aws import objects, storage
from project.aws.clients import ERRORS, explain, quick_s3
from project.pictures import EMPTY, TOO_MANY_BYTES, BadPicture, open_picture
from project.refusals import Refusal, unavailable

log = structlog.get_logger()

NOT_SAVED = "The picture could not be registered; please try again."

SAME_PICTURE = ("owner_id", "file_name", "input_key", "format", "width", "height", "bytes")
"""The fields that a rerun copies from its original: those of the picture, none of the result."""


def submit(file: UploadedFile, owner: User | None, upload_id: UUID | None = None) -> Classification:
    """Accept a picture; return its row. Once this returns, the picture will be classified whatever fails.

    It calls S3, so requests run it in `upload_line`.
    Raises Refusal if the picture is bad or can't be stored, or if the backlog is full.
    """
    content = _read(file)
    _, header = open_picture(content, env.common().max_pixels)
    _reserve_place()
    id = new_id()
    row = Classification(
        id=id,
        owner=owner,
        upload_id=upload_id,
        file_name=storage.storable_name(file.name or ""),
        input_key=contract.input_key(str(id), header.format),
        format=header.format,
        width=header.width,
        height=header.height,
        bytes=len(content),
    )
    with outbox.expecting():
        try:
            with upload_line.storing():
                storage.put_picture(row.input_key, content, header.content_type, row.file_name)
        except ERRORS as error:
            log.error("picture not stored", reason=explain(error))
            raise unavailable("The picture could not be stored; please try again.") from error
        _register(row)
    return row


def rerun(original: Classification) -> Classification:
    """Classify a stored picture again, under a new id; return the new row. It calls S3, as `submit` does.

    Raises Refusal if the picture is no longer stored, if S3 or the database is unavailable, or if the backlog is full.
    """
    if not picture_is_stored(original):
        raise Refusal("picture_gone", "The picture is no longer in the input bucket, so it can't be classified again.")
    _reserve_place()
    row = Classification(rerun_of=original, **{name: getattr(original, name) for name in SAME_PICTURE})
    _register(row)
    return row


def picture_is_stored(row: Classification) -> bool:
    """Return whether S3 still has a picture. It calls S3, as `submit` does. Raises Refusal if S3 can't tell."""
    release_connection()
    try:
        return storage.has_picture(row.input_key)
    except ERRORS as error:
        log.error("could not check whether the picture is stored", reason=explain(error))
        raise unavailable("The stored picture could not be checked; please try again.") from error


def _register(row: Classification) -> None:
    """Save a new row, and queue its message once the row is committed. Raises Refusal."""
    try:
        row.save(force_insert=True)
        transaction.on_commit(partial(outbox.put, row))  # at once, unless a caller has begun a transaction
    except DatabaseError as error:
        log.error("row not saved", error=str(error))
        raise unavailable(NOT_SAVED) from error


def _reserve_place() -> None:
    try:
        backlog.reserve()
    except DatabaseError as error:
        log.error("backlog not counted", error=str(error))
        raise unavailable(NOT_SAVED) from error


def _read(file: UploadedFile) -> bytes:
    allowed = env.web().max_upload_bytes
    if file.size is not None and file.size > allowed:
        raise BadPicture(TOO_MANY_BYTES, f"The file has {file.size:,} bytes; at most {allowed:,} are allowed.")
    if not file.size:
        raise BadPicture(EMPTY, "The file is empty.")
    content: bytes = file.read()
    return content


def warm_up() -> None:
    """Create the AWS clients ahead of the first upload. Sends no request."""
    quick_s3()
    objects.quick(env.aws().input_bucket)
    outbox.warm_up()
