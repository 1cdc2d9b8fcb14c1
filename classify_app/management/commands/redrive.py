"""`manage.py redrive`: send dead letters again, by id or all that are waiting."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet

from classify_app.intake import outbox
from classify_app.models import DeadLetter
from classify_app.repair.redrive import redrive
from project.refusals import Refusal

BY = "manage.py redrive"


class Command(BaseCommand):
    help = (
        "Send dead letters again: a request is classified under the same id, a response is consumed once more. "
        "Give the ids that the admin shows, or --all."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", type=int, nargs="*", metavar="ID", help="a dead letter to send again")
        parser.add_argument("--all", action="store_true", help="send all that are waiting")
        parser.add_argument("--queue", choices=DeadLetter.Queue.values, help="with --all: only letters of this queue")

    def handle(self, *args: Any, **options: Any) -> None:
        redriven, refusals = 0, []
        for letter in _chosen(options["ids"], options["all"], options["queue"]):
            try:
                redrive(letter, BY)
                redriven += 1
            except Refusal as refusal:
                refusals.append(f"{letter.pk}: {refusal}")
        outbox.flush()
        self.stdout.write(f"{redriven} redriven")
        if refusals:
            raise CommandError("\n".join([f"{len(refusals)} not redriven:", *refusals]))


def _chosen(ids: list[int], everything: bool, queue: str | None) -> QuerySet[DeadLetter]:
    """Return the letters that the arguments select. Raises CommandError."""
    if bool(ids) == everything:
        raise CommandError("Give either the ids of dead letters or --all.")
    if queue and ids:
        raise CommandError("--queue needs --all and can't be used with ids.")
    if everything:
        waiting = DeadLetter.objects.filter(state=DeadLetter.State.WAITING).order_by("id")
        return waiting.filter(queue=queue) if queue else waiting
    chosen = DeadLetter.objects.filter(id__in=ids).order_by("id")
    unknown = sorted(set(ids) - {letter.pk for letter in chosen})
    if unknown:
        raise CommandError(f"There is no dead letter {', '.join(map(str, unknown))}.")
    return chosen
