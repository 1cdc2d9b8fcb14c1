"""The buckets: pictures in, records out. A record is written once and then never changes."""

from urllib.parse import quote, unquote

from botocore.exceptions import ClientError

from project import contract, env
from project.aws.clients import s3
from project.contract import Record

DOWNLOAD_SECONDS = 300
WRITTEN = ("PreconditionFailed", "ConditionalRequestConflict")
"""S3's codes for a key that is there already, or that another writer is just writing."""
MAX_NAME_BYTES = 2_000  # S3 takes 2 KB of metadata, and of a name in Chinese nine bytes a character.


class PictureMissing(Exception):
    """The input bucket has no such picture."""


def storable_name(file_name: str) -> str:
    """Return a file name, without its beginning where S3's metadata can't take all of it."""
    while len(quote(file_name)) > MAX_NAME_BYTES:
        file_name = file_name[1:]
    return file_name


def put_picture(key: str, content: bytes, content_type: str, file_name: str) -> None:
    s3().put_object(
        Bucket=env.aws().input_bucket,
        Key=key,
        Body=content,
        ContentType=content_type,
        # S3 metadata is ASCII.
        Metadata={contract.FILE_NAME_METADATA: quote(file_name)},
    )


def get_picture(key: str) -> tuple[bytes, str]:
    """Return a picture's bytes and its file name. Raises PictureMissing."""
    try:
        stored = s3().get_object(Bucket=env.aws().input_bucket, Key=key)
    except s3().exceptions.NoSuchKey as error:
        raise PictureMissing(key) from error
    return stored["Body"].read(), unquote(stored["Metadata"].get(contract.FILE_NAME_METADATA, ""))


def has_picture(key: str) -> bool:
    try:
        s3().head_object(Bucket=env.aws().input_bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":  # A HEAD has no body that could say NoSuchKey.
            raise
        return False
    return True


def put_record(record: Record) -> Record:
    """Store a record and its label, unless one is stored already; return the one that is stored."""
    bucket = env.aws().output_bucket
    try:
        s3().put_object(
            Bucket=bucket,
            Key=contract.record_key(record.id),
            Body=record.to_json().encode(),
            ContentType="application/json",
            IfNoneMatch="*",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in WRITTEN:
            raise
        stored = get_record(record.id)
        if stored is None:
            raise
        record = stored
    if record.state == contract.DONE:
        # After the record and from it, so that the two agree however often this is repeated.
        s3().put_object(
            Bucket=bucket,
            Key=contract.label_key(record.id),
            Body=record.label_text().encode(),
            ContentType="text/plain; charset=utf-8",
        )
    return record


def get_record(id: str) -> Record | None:
    try:
        stored = s3().get_object(Bucket=env.aws().output_bucket, Key=contract.record_key(id))
    except s3().exceptions.NoSuchKey:
        return None
    return Record.from_json(stored["Body"].read())


def download_url(bucket: str, key: str) -> str:
    """Return a signed URL that downloads an object, and never shows it inline, for DOWNLOAD_SECONDS."""
    return s3().generate_presigned_url(
        "get_object",
        Params={"Bucket": bucket, "Key": key, "ResponseContentDisposition": "attachment"},
        ExpiresIn=DOWNLOAD_SECONDS,
    )
