"""AWS clients, made once a process, and what their errors mean.

Every call ends well before a message becomes visible again.
"""

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
"""All that a call may raise."""

# 3 attempts of (3 + 25) s at worst stay below the request queue's visibility timeout of 120 s;
# 25 s is more than the 20 s that a long poll takes.
TIMEOUTS: dict[str, Any] = {
    "connect_timeout": 3,
    "read_timeout": 25,
    "retries": {"mode": "standard", "total_max_attempts": 3},
}
# For calls of which none is a long poll: whoever uploads waits for them.
QUICK_TIMEOUTS: dict[str, Any] = {
    **TIMEOUTS,
    "read_timeout": 5,
    "retries": {"mode": "standard", "total_max_attempts": 2},
}
S3_READ_SECONDS = 10  # without a byte; nothing in S3 is a long poll
CONNECTIONS = 64

EXPIRED = "the AWS credentials have expired: renew AWS_SESSION_TOKEN, or let the machine's role provide them"
UNKNOWN_KEY = "AWS doesn't know these credentials: see AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
NO_QUEUE = (
    "the queue doesn't exist: see REQUEST_QUEUE_URL, RESPONSE_QUEUE_URL, EVENT_QUEUE_URL, "
    "REQUEST_DEAD_LETTER_QUEUE_URL and RESPONSE_DEAD_LETTER_QUEUE_URL"
)
CLOCK = "this machine's clock differs from AWS's by minutes: set it, best by NTP"

REASONS = {
    "NoSuchBucket": "the bucket doesn't exist: see INPUT_BUCKET and OUTPUT_BUCKET",
    "AWS.SimpleQueueService.NonExistentQueue": NO_QUEUE,
    "QueueDoesNotExist": NO_QUEUE,
    "AccessDenied": "AWS refuses this: the role or user of this process lacks the permission",
    "ExpiredToken": EXPIRED,
    "RequestExpired": EXPIRED,
    "InvalidAccessKeyId": UNKNOWN_KEY,
    "InvalidClientTokenId": UNKNOWN_KEY,
    "UnrecognizedClientException": UNKNOWN_KEY,
    "RequestTimeTooSkewed": CLOCK,
    "Signature expired": CLOCK,  # SQS has no code of its own for that
    "SignatureDoesNotMatch": UNKNOWN_KEY,
    "InvalidSignatureException": UNKNOWN_KEY,
}
"""What trying again won't mend, by AWS's code, each with the setting that will."""


def reason_in(text: str) -> str | None:
    """Return what an answer of AWS means for whoever runs this; None where trying again may help."""
    return next((reason for code, reason in REASONS.items() if code in text), None)


def lasting_reason(error: Exception) -> str | None:
    """Return why an error will last until somebody acts; None where trying again may help."""
    if isinstance(error, NoCredentialsError):
        return "no AWS credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    if isinstance(error, ClientError):
        return reason_in(f"{error.response['Error'].get('Code')} {error.response['Error'].get('Message')}")
    return None


def explain(error: Exception) -> str:
    """Return a sentence for the log: the reason with its setting where it is known, else the error's own words."""
    reason = lasting_reason(error)
    return f"{reason} ({error})" if reason else str(error)


def _client(service: str, **options: Any) -> Any:
    region = env.common().aws_region
    return boto3.session.Session(region_name=region).client(
        service, config=Config(max_pool_connections=CONNECTIONS, **{**TIMEOUTS, **options})
    )


@cache
def s3() -> "S3Client":
    # boto3 signs URLs of us-east-1 by an older version.
    client: S3Client = _client(
        "s3",
        signature_version="s3v4",
        read_timeout=S3_READ_SECONDS,
        # The signature covers a body's SHA-256 already, where no checksum goes with it.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return client


@cache
def sqs() -> "SQSClient":
    client: SQSClient = _client("sqs")
    return client


@cache
def quick_sqs() -> "SQSClient":
    """Return the client for sends, which others wait behind."""
    client: SQSClient = _client("sqs", **QUICK_TIMEOUTS)
    return client
