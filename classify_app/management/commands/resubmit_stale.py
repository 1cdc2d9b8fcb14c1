"""`manage.py resubmit_stale`: send the messages of pictures that have none in the queue; as the sweeper, prune too."""

from datetime import timedelta
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandParser
from django.db import Error as DatabaseError
from django.db import connection

from classify_app.repair.pruning import prune
from classify_app.repair.sweeper import RETENTION, sweep
from project import env
from project.aws.startup import check_aws
from project.stopping import Stop

log = structlog.get_logger()


class Command(BaseCommand):
    help = (
        "Send the message of each accepted picture whose message was never sent, or was sent and is gone: it expired, "
        "or the queue was purged. Sending one twice changes nothing but the work done. With --every, prune as well."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=int, metavar="SECONDS", help="repeat at this interval until SIGTERM")
        parser.add_argument(
            "--older-than",
            type=float,
            metavar="HOURS",
            default=RETENTION / timedelta(hours=1),
            help="take messages that were sent so long ago as gone (default: %(default)g, when SQS deletes them); "
            "while the queue is empty, an hour is enough",
        )

    def handle(self, *args: Any, every: int | None, older_than: float, **options: Any) -> None:
        check_aws()
        age = timedelta(hours=older_than)
        if every is None:
            self.stdout.write(f"{sweep(age)} recovered")
            return
        stop = Stop.on_signals()
        while not stop:
            try:
                sweep(age, stop)
                prune(env.web().retention_days, stop)
            except DatabaseError as error:
                log.warning("database unavailable, trying again at the next sweep", error=str(error))
                connection.close()
            stop.wait(every)
