"""`manage.py consume_dead_letters`: move dead-lettered messages into rows of the database."""

from typing import Any

from django.core.management.base import BaseCommand

from classify_app.repair.dead_letters import consume
from project import env
from project.aws.startup import check_aws, check_queues
from project.stopping import Stop


class Command(BaseCommand):
    help = (
        "Move the messages of both dead-letter queues into rows, which the admin shows, and mark their "
        "classifications as failed. Runs until SIGTERM or Ctrl-C. Any number may run at the same time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        check_aws()
        check_queues(env.web().dead_letter_queue_urls)
        consume(Stop.on_signals())
