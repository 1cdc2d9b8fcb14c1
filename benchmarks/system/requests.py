"""Count the AWS requests per picture with a proxy in front of the emulator, in a separate stack.

The proxy takes CPU time and makes AWS slower, so nothing is timed in this stack.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks import stack as stacks
from infra.local.environment import aws_url
from infra.local.faults import Proxy
from infra.local.stack import Stack

TRAILING_SECONDS = 1.0  # acknowledgements follow the results
S3_METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE")


@dataclass(frozen=True)
class Requests:
    """Requests per picture: SQS by operation, as billed by AWS, and by operation and queue; S3 by HTTP method."""

    sqs: dict[str, float]
    billed: dict[str, float]
    by_queue: dict[str, float]
    s3: dict[str, float]


@contextmanager
def counting(variables: Mapping[str, str]) -> Iterator[tuple[Stack, Proxy]]:
    """Run a stack whose processes reach AWS through a proxy."""
    ports = stacks.unused_ports()
    proxy = Proxy(aws_url(ports))
    proxy.start()
    with stacks.running({**variables, "AWS_ENDPOINT_URL": proxy.url}, ports) as stack:
        yield stack, proxy
    proxy.shutdown()


def counted(proxy: Proxy, pictures: int, send: Callable[[], object]) -> Requests:
    """Send pictures and count the requests per picture. `send` sends as many as `pictures` says."""
    passed, billed, by_queue = proxy.passed.copy(), proxy.billed.copy(), proxy.by_queue.copy()
    send()
    time.sleep(TRAILING_SECONDS)
    made = _each(proxy.passed - passed, pictures)
    return Requests(
        {operation: count for operation, count in made.items() if operation not in S3_METHODS},
        _each(proxy.billed - billed, pictures),
        {" ".join(key): round(count / pictures, 3) for key, count in sorted((proxy.by_queue - by_queue).items())},
        {operation: count for operation, count in made.items() if operation in S3_METHODS},
    )


def _each(counts: Counter[str], pictures: int) -> dict[str, float]:
    return {operation: round(count / pictures, 3) for operation, count in sorted(counts.items())}
