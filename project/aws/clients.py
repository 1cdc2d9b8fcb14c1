"""AWS clients, created once per process, and explanations of their errors."""

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from project import env

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

ERRORS = (ClientError, BotoCoreError)
"""Every exception that a call can raise."""

# A read may take longer than a long poll of 20 s.
TIMEOUTS: dict[str, Any] = {
    "connect_timeout": 3,
    "read_timeout": 25,
    "retries": {"mode": "standard", "total_max_attempts": 3},
}
# For calls that an upload waits for. None of them is a long poll.
QUICK_TIMEOUTS: dict[str, Any] = {
    **TIMEOUTS,
    "read_timeout": 5,
    "retries": {"mode": "standard", "total_max_attempts": 2},
}
S3_READ_SECONDS = 10  # the longest gap between two bytes; S3 has no long poll
# In the worst case 2 attempts take 2 x (1 + 3) s and a pause of up to 1 s: boto3 sends a body only after S3 has had a
# second to refuse it.
QUICK_S3_READ_SECONDS = 3
CONNECTIONS = 64

EXPIRED = "the AWS credentials have expired: renew AWS_SESSION_TOKEN, or let the machine's role provide them"
UNKNOWN_KEY = "AWS doesn't recognise these credentials: see AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
NO_QUEUE = (
    "the queue doesn't exist: see REQUEST_QUEUE_URL, RESPONSE_QUEUE_URL, EVENT_QUEUE_URL, "
    "REQUEST_DEAD_LETTER_QUEUE_URL and RESPONSE_DEAD_LETTER_QUEUE_URL"
)
OTHER_REGION = "the bucket is in another region: see AWS_REGION"
CLOCK = "this machine's clock is minutes off AWS's: synchronise it, for example with NTP"

REASONS = {
    "NoSuchBucket": "the bucket doesn't exist: see INPUT_BUCKET and OUTPUT_BUCKET",
    "PermanentRedirect": OTHER_REGION,
    "AuthorizationHeaderMalformed": OTHER_REGION,
    "AWS.SimpleQueueService.NonExistentQueue": NO_QUEUE,
    "QueueDoesNotExist": NO_QUEUE,
    "AccessDenied": "AWS denies access: the role or user of this process lacks the permission",
    "ExpiredToken": EXPIRED,
    "RequestExpired": EXPIRED,
    "InvalidAccessKeyId": UNKNOWN_KEY,
    "InvalidClientTokenId": UNKNOWN_KEY,
    "UnrecognizedClientException": UNKNOWN_KEY,
    "RequestTimeTooSkewed": CLOCK,
    "Signature expired": CLOCK,  # SQS has no error code of its own for this
    "SignatureDoesNotMatch": UNKNOWN_KEY,
    "InvalidSignatureException": UNKNOWN_KEY,
}
"""Permanent errors by AWS's code: the reason, and the setting to change. Retries don't help."""


def reason_in(text: str) -> str | None:
    """Return the reason for a permanent error in an AWS response, or None if a retry may help."""
    return next((reason for code, reason in REASONS.items() if code in text), None)


def lasting_reason(error: Exception) -> str | None:
    """Return the reason for a permanent error and the setting to change, or None if a retry may help."""
    if isinstance(error, NoCredentialsError):
        return "no AWS credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    if isinstance(error, ClientError):
        return reason_in(f"{error.response['Error'].get('Code')} {error.response['Error'].get('Message')}")
    return None


def explain(error: Exception) -> str:
    """Return a sentence for the log: the known reason with its setting, or else the error's own message."""
    reason = lasting_reason(error)
    return f"{reason} ({error})" if reason else str(error)


def _client(service: str, **options: Any) -> Any:
    region = env.common().aws_region
    return boto3.session.Session(region_name=region).client(
        service, config=Config(max_pool_connections=CONNECTIONS, **{**TIMEOUTS, **options})
    )


def _s3_client(**timeouts: Any) -> Any:
    return _client(
        "s3",
        # For us-east-1 boto3 would sign URLs with an older signature version.
        signature_version="s3v4",
        # Without a checksum the signature covers the body's SHA-256, which is enough.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        **timeouts,
    )


@cache
def s3() -> "S3Client":
    client: S3Client = _s3_client(read_timeout=S3_READ_SECONDS)
    return client


@cache
def quick_s3() -> "S3Client":
    """Return the client for large pictures, which project.aws.objects.quick doesn't take: a put fails as soon."""
    client: S3Client = _s3_client(**{**QUICK_TIMEOUTS, "read_timeout": QUICK_S3_READ_SECONDS})
    return client


@cache
def sqs() -> "SQSClient":
    client: SQSClient = _client("sqs")
    return client


@cache
def quick_sqs() -> "SQSClient":
    """Return the client for sends, with short time-outs because uploads and tasks wait for them."""
    client: SQSClient = _client("sqs", **QUICK_TIMEOUTS)
    return client
