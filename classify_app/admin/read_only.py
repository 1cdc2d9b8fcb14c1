"""Admin pages for rows that can be viewed and acted on, but not edited."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_permission_codename
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from project.refusals import Refusal

NOTHING = "-"


class ReadOnlyAdmin(admin.ModelAdmin):
    """A read-only admin whose actions need the model's change permission."""

    list_per_page = 50
    show_full_result_count = False
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
        """Act on each row and log it. Show the number of successes, and each refusal with its count."""
        acted, reasons = 0, Counter[str]()
        for row in rows:
            try:
                act(row)
            except Refusal as refusal:
                reasons[str(refusal)] += 1
                continue
            self.log_change(request, row, f"{done.capitalize()}.")
            acted += 1
        if acted:
            self.message_user(request, f"{acted} {done}.", messages.SUCCESS)
        for reason, count in reasons.items():
            self.message_user(request, f"{count} not {done}: {reason}", messages.ERROR)
