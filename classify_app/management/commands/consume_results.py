"""`manage.py consume_results`: write the results that the response queue announces into their rows."""

from typing import Any

from django.core.management.base import BaseCommand

from classify_app.results.consumer import consume
from project.aws.startup import check_aws
from project.stopping import Stop


class Command(BaseCommand):
    help = (
        "Receive results from the response queue and finish their classifications, until SIGTERM or Ctrl-C. "
        "As many may run as you like."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        check_aws()
        consume(Stop.on_signals())
