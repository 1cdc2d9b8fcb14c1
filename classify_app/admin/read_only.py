"""Pages of rows that nobody edits, with actions on them."""

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
    """Rows that are looked at and acted on, and never edited. Acting takes the permission to change them."""

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
        """Tell whether a row's own page offers the list's actions, too."""
        return False

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **options: Any) -> HttpResponse:
        """Offer the list's actions for the row of a page, too."""
        if self.can_be_acted_on(context["original"]):
            context["row_actions"] = list(self.get_actions(request).values())
        return super().render_change_form(request, context, *args, **options)

    def act_on_each(self, request: HttpRequest, rows: QuerySet[Any], act: Callable[[Any], object], past: str) -> None:
        """Act on rows one by one and log it; tell how many were, and why others were not."""
        acted, reasons = 0, Counter[str]()
        for row in rows:
            try:
                act(row)
            except Refusal as refusal:
                reasons[str(refusal)] += 1
                continue
            self.log_change(request, row, f"{past.capitalize()}.")
            acted += 1
        if acted:
            self.message_user(request, f"{acted} {past}.", messages.SUCCESS)
        for reason, count in reasons.items():
            self.message_user(request, f"{count} not {past}: {reason}", messages.ERROR)
