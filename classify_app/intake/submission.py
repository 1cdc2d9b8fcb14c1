"""The way in: a picture to S3, then its row, then its message. A crash in between loses nothing.

A row without `submitted_at` has no message yet: it waits in the outbox, or for `manage.py resubmit_stale`.
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
from classify_app.models import Classification, new_id
from project import contract, env
from project.aws import storage
from project.aws.clients import ERRORS, explain, s3
from project.pictures import EMPTY, TOO_MANY_BYTES, BadPicture, open_picture
from project.refusals import Refusal, unavailable

log = structlog.get_logger()

NOT_REGISTERED = "The picture could not be registered; please try again."

SAME_PICTURE = ("owner_id", "file_name", "input_key", "format", "width", "height", "bytes")
"""What a re-run takes over from its original: all that is known of the picture, nothing of its result."""


def submit(file: UploadedFile, owner: User | None, upload_id: UUID | None = None) -> Classification:
    """Accept a picture: it will be classified from here on, whatever breaks.

    Raises Refusal where the picture is bad, can't be stored, or too many wait already.
    """
    content = _read(file)
    _, header = open_picture(content, env.common().max_pixels)
    _take_place()
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
            storage.put_picture(row.input_key, content, header.content_type, row.file_name)
        except ERRORS as error:
            log.error("picture not stored", reason=explain(error))
            raise unavailable("The picture could not be stored; please try again.") from error
        _register(row)
    return row


def rerun(original: Classification) -> Classification:
    """Classify a picture that is stored already once more, under an id of its own.

    Raises Refusal where it is no longer stored, or where that can't be found out, or too many wait already.
    """
    try:
        is_stored = storage.has_picture(original.input_key)
    except ERRORS as error:
        log.error("picture not looked for", reason=explain(error))
        raise unavailable("The stored picture could not be looked for; please try again.") from error
    if not is_stored:
        raise Refusal("picture_gone", "The picture is no longer in the input bucket, so it can't be classified again.")
    _take_place()
    row = Classification(rerun_of=original, **{name: getattr(original, name) for name in SAME_PICTURE})
    _register(row)
    return row


def _register(row: Classification) -> None:
    """Save a new row and let its message be sent once that is committed. Raises Refusal."""
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            transaction.on_commit(partial(outbox.put, row))
    except DatabaseError as error:
        log.error("row not written", error=str(error))
        raise unavailable(NOT_REGISTERED) from error


def _take_place() -> None:
    try:
        backlog.take_place()
    except DatabaseError as error:
        log.error("backlog not counted", error=str(error))
        raise unavailable(NOT_REGISTERED) from error


def _read(file: UploadedFile) -> bytes:
    allowed = env.web().max_upload_bytes
    if file.size is not None and file.size > allowed:
        raise BadPicture(TOO_MANY_BYTES, f"The file has {file.size:,} bytes; at most {allowed:,} are allowed.")
    if not file.size:
        raise BadPicture(EMPTY, "The file is empty.")
    content: bytes = file.read()
    return content


def warm_up() -> None:
    """Make the clients that the first upload would otherwise wait for; asks nothing of the network."""
    s3()
    outbox.warm_up()
