"""What may go wrong: each disturbance does one thing to a system, chosen at random, and says what it did."""

import signal
import time
from collections.abc import Callable
from random import Random
from typing import TypeAlias

from infra.local import resources
from infra.local.chaos.system import System
from infra.local.faults import PARTIAL, RESET, TIMEOUT, Fault

FAULT_SECONDS = (1.0, 6.0)
FAULT_SHARES = (0.2, 1.0)
# Not those that last until somebody acts, such as a missing permission.
FAULTS = ("error", "slow_down", "throttled", TIMEOUT, RESET, PARTIAL)
MAX_MESSAGES = 5

Disturbance: TypeAlias = Callable[[System, Random], str]


def kill(system: System, random: Random) -> str:
    """Kill any process at once, as a crash or a lost machine does."""
    name = random.choice(system.names)
    system.signal(name, signal.SIGKILL)
    return f"killed {name}"


def kill_worker(system: System, random: Random) -> str:
    """Kill a worker, which is what the out-of-memory killer and a spot market do most."""
    name = random.choice([name for name in system.names if name.startswith("worker")])
    system.signal(name, signal.SIGKILL)
    return f"killed {name}"


def stop(system: System, random: Random) -> str:
    """Ask any process to end, as a supervisor and scaling in do."""
    name = random.choice(system.names)
    system.signal(name, signal.SIGTERM)
    return f"stopped {name}"


def break_aws(system: System, random: Random) -> str:
    """Let S3, SQS or both fail for some seconds, wholly or in part."""
    fault = Fault(random.choice(FAULTS), service=random.choice(("", "s3", "sqs")), share=random.uniform(*FAULT_SHARES))
    seconds = random.uniform(*FAULT_SECONDS)
    system.proxy.fault = fault
    time.sleep(seconds)
    system.proxy.fault = Fault()
    return f"{fault.kind} from {fault.service or 's3 and sqs'}, {fault.share:.0%} of requests for {seconds:.1f} s"


def duplicate(system: System, random: Random) -> str:
    """Send copies of some waiting messages, since SQS delivers at least once."""
    queue = _queue(random)
    messages = _take(system, queue, 1)
    for message in messages:
        system.sqs.send_message(QueueUrl=system.queue_url(queue.name), MessageBody=message["Body"])
    return f"doubled {len(messages)} messages of {queue.name}"


def expire(system: System, random: Random) -> str:
    """Take some messages and forget them: they come again when their visibility timeout has passed."""
    queue = _queue(random)
    return f"hid {len(_take(system, queue, None))} messages of {queue.name} until they expired"


def _queue(random: Random) -> resources.Queue:
    return random.choice((resources.REQUESTS, resources.RESPONSES))


def _take(system: System, queue: resources.Queue, visibility_timeout: int | None) -> list[dict[str, str]]:
    options = {} if visibility_timeout is None else {"VisibilityTimeout": visibility_timeout}
    url = system.queue_url(queue.name)
    answer = system.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=MAX_MESSAGES, WaitTimeSeconds=0, **options)
    messages: list[dict[str, str]] = answer.get("Messages", [])
    return messages


ALL: tuple[Disturbance, ...] = (kill, kill_worker, stop, break_aws, duplicate, expire)
