"""`manage.py prune`: delete rows whose retention is over, and expired sessions."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from classify_app.repair.pruning import prunable, prune
from project import env


class Command(BaseCommand):
    help = (
        "Delete finished classifications and dead letters that are older than RETENTION_DAYS, and expired sessions. "
        "Queued classifications stay, and so do the objects in S3. The sweeper does the same by itself."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than-days", type=env.positive, metavar="DAYS", help="an age other than RETENTION_DAYS"
        )
        parser.add_argument("--dry-run", action="store_true", help="count the rows, and delete nothing")

    def handle(self, *args: Any, older_than_days: int | None, dry_run: bool, **options: Any) -> None:
        days = older_than_days or env.web().retention_days
        if dry_run:
            self._say("would be pruned", {kind: rows.count() for kind, rows in prunable(days).items()})
        else:
            self._say("pruned", prune(days))

    def _say(self, what: str, rows: dict[str, int]) -> None:
        self.stdout.write(f"{what}: " + ", ".join(f"{count} {kind}" for kind, count in rows.items()))
