"""Dead letters made as in production: messages that are received until SQS moves them to the dead-letter queue."""

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from classify_app.intake.outbox import send
from classify_app.models import Classification, DeadLetter
from classify_app.repair import dead_letters
from project import env
from project.aws import queues
from project.aws.clients import sqs
from tests.records import row

REQUESTS, RESPONSES = DeadLetter.Queue


def live_url(queue: DeadLetter.Queue) -> str:
    return env.aws().request_queue_url if queue == REQUESTS else env.aws().response_queue_url


def dead_url(queue: DeadLetter.Queue) -> str:
    web = env.web()
    return web.request_dead_letter_queue_url if queue == REQUESTS else web.response_dead_letter_queue_url


def exhaust(queue: DeadLetter.Queue) -> None:
    """Receive a queue's messages until they go to the dead-letter queue."""
    while sqs().receive_message(QueueUrl=live_url(queue), MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages"):
        pass


def consume_once(queue: DeadLetter.Queue) -> None:
    url = dead_url(queue)
    queues.delete(url, dead_letters.settle(queue, queues.receive(url, wait_seconds=0)))


def dead(queue: DeadLetter.Queue, body: str) -> DeadLetter:
    """Return the row of a dead-lettered message."""
    queues.send(live_url(queue), body)
    exhaust(queue)
    consume_once(queue)
    return DeadLetter.objects.latest("id")


def given_up_request(make_row: Callable[[], Classification] = row) -> DeadLetter:
    """Return the last letter of a classification that was redriven for as long as that is done by itself."""
    one = make_row()
    long_ago = timezone.now() - dead_letters.AUTOMATIC_REDRIVES - timedelta(minutes=1)
    earlier = {"queue": REQUESTS, "message_id": f"earlier {one.id}", "receives": 6}
    DeadLetter.objects.create(classification=one, first_seen=long_ago, state=DeadLetter.State.REDRIVEN, **earlier)
    return dead_request(lambda: one)


def dead_request(make_row: Callable[[], Classification] = row) -> DeadLetter:
    """Return the row of a classification's dead-lettered request."""
    send([make_row()])
    exhaust(REQUESTS)
    consume_once(REQUESTS)
    return DeadLetter.objects.latest("id")
