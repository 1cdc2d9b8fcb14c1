"""Weights and exported networks, wherever the configuration says they are."""

from pathlib import Path

from project.aws.clients import s3


def read(source: str) -> bytes:
    """Return the content of a file or of an `s3://bucket/key`. Raises OSError, or one of project.aws.clients.ERRORS."""
    if not source.startswith("s3://"):
        return Path(source).read_bytes()
    bucket, _, key = source.removeprefix("s3://").partition("/")
    return s3().get_object(Bucket=bucket, Key=key)["Body"].read()


def named(source: str) -> str:
    """Return the last part of a source's name."""
    return source.rpartition("/")[2]
