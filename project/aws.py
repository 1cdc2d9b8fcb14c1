"""AWS clients, made once a process. Every call ends well before a message becomes visible again."""

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from project import env

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

# 3 attempts of (3 + 25) s at worst stay below the request queue's visibility timeout of 120 s;
# 25 s is more than the 20 s that a long poll takes.
TIMEOUTS: dict[str, Any] = {
    "connect_timeout": 3,
    "read_timeout": 25,
    "retries": {"mode": "standard", "total_max_attempts": 3},
}
CONNECTIONS = 64


def _client(service: str, **options: Any) -> Any:
    region = env.common().aws_region
    return boto3.session.Session(region_name=region).client(
        service, config=Config(max_pool_connections=CONNECTIONS, **TIMEOUTS, **options)
    )


@cache
def s3() -> "S3Client":
    client: S3Client = _client("s3", signature_version="s3v4")  # boto3 signs URLs of us-east-1 by an older one
    return client


@cache
def sqs() -> "SQSClient":
    client: SQSClient = _client("sqs")
    return client
