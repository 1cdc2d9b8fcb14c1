"""Read weights and exported networks from files or S3."""

from pathlib import Path

from project.aws.clients import s3


def read(source: str) -> bytes:
    """Return the content of a file or an `s3://bucket/key`.

    Raises OSError, ClientError or BotoCoreError.
    """
    if not source.startswith("s3://"):
        return Path(source).read_bytes()
    bucket, _, key = source.removeprefix("s3://").partition("/")
    return s3().get_object(Bucket=bucket, Key=key)["Body"].read()


def file_name(source: str) -> str:
    """Return the last part of a path or S3 URL."""
    return source.rpartition("/")[2]
