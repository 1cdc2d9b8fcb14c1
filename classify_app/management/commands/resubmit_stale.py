"""`manage.py resubmit_stale`: send the messages that web processes failed to send."""

from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandParser
from django.db import Error as DatabaseError
from django.db import connection

from classify_app.repair.sweeper import sweep
from project.aws.startup import check_aws
from project.stopping import Stop

log = structlog.get_logger()


class Command(BaseCommand):
    help = "Send the message of each accepted picture whose message was never sent."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=int, metavar="SECONDS", help="repeat at this interval until SIGTERM")

    def handle(self, *args: Any, every: int | None, **options: Any) -> None:
        check_aws()
        if every is None:
            self.stdout.write(f"{sweep()} recovered")
            return
        stop = Stop.on_signals()
        while not stop:
            try:
                sweep()
            except DatabaseError as error:
                log.warning("database unavailable, trying again at the next sweep", error=str(error))
                connection.close()
            stop.wait(every)
