"""`manage.py create_token`: create an API token for a user and print it."""

from datetime import date
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from classify_app.accounts.tokens import SCOPES, create_token, revoke
from classify_app.models import ApiToken


class Command(BaseCommand):
    help = "Create an API token for a user and print it. It can't be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", required=True, help="what it is for")
        parser.add_argument("--scope", action="append", required=True, choices=SCOPES, help="repeat for several scopes")
        parser.add_argument("--last-day", type=date.fromisoformat, metavar="YYYY-MM-DD", help="last day of validity")
        parser.add_argument("--replace", action="store_true", help="revoke the user's earlier tokens of this name")

    @transaction.atomic
    def handle(
        self,
        *args: Any,
        username: str,
        name: str,
        scope: list[str],
        last_day: date | None,
        replace: bool,
        **options: Any,
    ) -> None:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no user {username!r}.")
        if replace:
            revoke(ApiToken.objects.filter(user=user, name=name))
        try:
            _, text = create_token(user, name, scope, last_day)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        self.stdout.write(text)
