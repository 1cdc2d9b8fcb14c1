"""`manage.py consume_results`: write the results from the response queue into the database."""

from typing import Any

from django.core.management.base import BaseCommand

from classify_app.results.consumer import consume
from project.aws.startup import check_aws
from project.stopping import Stop


class Command(BaseCommand):
    help = (
        "Receive results from the response queue and finish their classifications. Runs until SIGTERM or Ctrl-C. "
        "Any number may run at the same time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        check_aws()
        consume(Stop.on_signals())
