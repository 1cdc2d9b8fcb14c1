"""The buckets: pictures in, records out. A record is written once and never changes.

All but `storable_name` and `download_url` call S3. They raise ClientError for an error response and BotoCoreError
for any other failure, such as a time-out.
"""

from urllib.parse import quote, unquote

from botocore.exceptions import ClientError

from project import contract, env
from project.aws import objects
from project.aws.clients import quick_s3, s3
from project.contract import Record

DOWNLOAD_SECONDS = 300
ALREADY_WRITTEN = ("PreconditionFailed", "ConditionalRequestConflict")
"""S3's error codes if the key exists, or if another writer is writing it at the moment."""

# obstore ends a put that takes too long, boto3 one that makes no progress. So a large picture may take a slow line.
# One of this size needs a line of 1 Mbit/s for itself: see QUICK_SECONDS.
MAX_QUICK_BYTES = 500_000

MAX_NAME_BYTES = 2_000  # S3 allows 2 KB of metadata; a Chinese character takes nine bytes.


class PictureMissing(Exception):
    """The input bucket has no such picture."""


def storable_name(file_name: str) -> str:
    """Return a file name, cut at its beginning to what fits S3's metadata."""
    while len(quote(file_name)) > MAX_NAME_BYTES:
        file_name = file_name[1:]
    return file_name


def put_picture(key: str, content: bytes, content_type: str, file_name: str) -> None:
    """Store a picture's bytes with its file name. Raises ClientError or BotoCoreError."""
    bucket = env.aws().input_bucket
    metadata = {contract.FILE_NAME_METADATA: quote(file_name)}  # S3 metadata is ASCII.
    if len(content) > MAX_QUICK_BYTES:
        quick_s3().put_object(Bucket=bucket, Key=key, Body=content, ContentType=content_type, Metadata=metadata)
    else:
        objects.put(objects.quick(bucket), key, content, {"Content-Type": content_type, **metadata})


def get_picture(key: str) -> tuple[bytes, str]:
    """Return a picture's bytes and its file name, empty if it has none.

    Raises PictureMissing if there is no such key, ClientError or BotoCoreError for other errors.
    """
    stored = objects.get(objects.patient(env.aws().input_bucket), key)
    if stored is None:
        raise PictureMissing(key)
    content, attributes = stored
    return content, unquote(attributes.get(contract.FILE_NAME_METADATA, ""))


def has_picture(key: str) -> bool:
    """Return whether a picture is stored. Raises ClientError or BotoCoreError if S3 can't tell."""
    return objects.exists(objects.quick(env.aws().input_bucket), key)


def put_record(record: Record) -> Record:
    """Store a record, unless its id has one already, and its label; return the stored record.

    Raises ClientError or BotoCoreError, and ContractError if the stored object is no record.
    """
    bucket = env.aws().output_bucket
    content = record.to_json().encode()
    try:
        objects.put(
            objects.unwritten(bucket), contract.record_key(record.id), content, {"Content-Type": "application/json"}
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in ALREADY_WRITTEN:
            raise
        stored = get_record(record.id)
        if stored is None:
            raise
        record = stored
    if record.state == contract.DONE:
        # Written after the record and from it, so that the two agree after any repeat.
        label, plain = record.label_text().encode(), "text/plain; charset=utf-8"
        objects.put(objects.patient(bucket), contract.label_key(record.id), label, {"Content-Type": plain})
    return record


def get_record(id: str) -> Record | None:
    """Return a stored record, or None if there is none.

    Raises ClientError or BotoCoreError, and ContractError if the stored object is no record.
    """
    stored = objects.get(objects.patient(env.aws().output_bucket), contract.record_key(id))
    return Record.from_json(stored[0]) if stored else None


def download_url(bucket: str, key: str) -> str:
    """Return a signed URL, valid for DOWNLOAD_SECONDS, that downloads an object and never shows it inline.

    Sends no request. Raises BotoCoreError without credentials.
    """
    return s3().generate_presigned_url(
        "get_object",
        Params={"Bucket": bucket, "Key": key, "ResponseContentDisposition": "attachment"},
        ExpiresIn=DOWNLOAD_SECONDS,
    )
