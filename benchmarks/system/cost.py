"""The price of pictures in AWS, by the measured requests and CPU time and the list prices."""

from collections.abc import Mapping

# List prices of us-east-1 in US dollars: https://aws.amazon.com/sqs/pricing/ (standard queues, first tier, March 2026),
# https://aws.amazon.com/s3/pricing/ (S3 Standard requests, 2025), https://aws.amazon.com/ec2/pricing/on-demand/ (Linux,
# 2025). Not included: the free tier, storage, data transfer, the database.
SQS_REQUEST_USD = 0.40 / 1e6
S3_WRITE_USD = 0.005 / 1e3
S3_READ_USD = 0.0004 / 1e3
S3_WRITES = ("PUT", "POST", "LIST")
S3_FREE = ("DELETE",)
INSTANCE = "c7i.large"
INSTANCE_HOUR_USD = 0.08925
INSTANCE_CORES = 2


def sqs_usd(requests: Mapping[str, float]) -> float:
    """Return the price of SQS requests in US dollars; `requests` are counts as billed, by operation."""
    return sum(requests.values()) * SQS_REQUEST_USD


def s3_usd(requests: Mapping[str, float]) -> float:
    """Return the price of S3 requests in US dollars; `requests` are counts by HTTP method."""
    prices = dict.fromkeys(S3_WRITES, S3_WRITE_USD) | dict.fromkeys(S3_FREE, 0.0)
    return sum(count * prices.get(method, S3_READ_USD) for method, count in requests.items())


def instance_usd(cpu_seconds: float) -> float:
    """Return the price of CPU time in US dollars, on a fully used instance with cores as fast as this machine's."""
    return cpu_seconds / INSTANCE_CORES / 3600 * INSTANCE_HOUR_USD
