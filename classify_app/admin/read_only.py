"""Admin pages for rows that can be viewed and acted on, but not edited."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth import get_permission_codename
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from classify_app.admin.lists import ListAdmin
from project.refusals import Refusal

NOTHING = "-"

ACTED_AT_ONCE = 100
"""Most rows of one action, so that its request ends in time."""


class ReadOnlyAdmin(ListAdmin):
    """A read-only admin whose actions need the model's change permission."""

    empty_value_display = NOTHING

    class Media:
        css = {"all": ("classify_app/admin.css",)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.{get_permission_codename('change', self.opts)}")

    def can_be_acted_on(self, row: Any) -> bool:
        """Return whether the row's own page shows the actions of the list."""
        return False

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **options: Any) -> HttpResponse:
        """Show the list's actions on the row's own page too."""
        if self.can_be_acted_on(context["original"]):
            context["row_actions"] = list(self.get_actions(request).values())
        return super().render_change_form(request, context, *args, **options)

    def act_on_each(self, request: HttpRequest, rows: QuerySet[Any], act: Callable[[Any], object], done: str) -> None:
        """Act on each row and log it. Show the number of successes, and each refusal with its count.

        Rows beyond ACTED_AT_ONCE, or after a temporary refusal, are left, and a message says so: each may have waited
        for seconds for what is unavailable.
        """
        acted, reasons, unavailable = 0, Counter[str](), False
        chosen = list(rows[: ACTED_AT_ONCE + 1])
        for row in chosen[:ACTED_AT_ONCE]:
            try:
                act(row)
            except Refusal as refusal:
                reasons[str(refusal)] += 1
                if unavailable := refusal.is_temporary:
                    break
                continue
            self.log_change(request, row, f"{done.capitalize()}.")
            acted += 1
        if acted:
            self.message_user(request, f"{acted} {done}.", messages.SUCCESS)
        for reason, count in reasons.items():
            self.message_user(request, f"{count} not {done}: {reason}", messages.ERROR)
        if unavailable and acted + reasons.total() < len(chosen):
            self.message_user(request, "The others were left, since they would fail too.", messages.WARNING)
        elif len(chosen) > ACTED_AT_ONCE:
            self.message_user(
                request, f"One action takes {ACTED_AT_ONCE} rows; the others were left.", messages.WARNING
            )
