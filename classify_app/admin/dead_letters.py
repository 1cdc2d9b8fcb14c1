"""The admin of dead letters: inspect, redrive or discard messages that were received too often."""

import json
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from classify_app.admin.classifications import small_picture
from classify_app.admin.read_only import ACTED_AT_ONCE, ReadOnlyAdmin
from classify_app.models import DeadLetter, State
from classify_app.repair.redrive import discard, redrive


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    actions = ("redrive", "discard")
    list_display = (
        "id",
        "small_picture",
        "file_name",
        "queue",
        "state",
        "result",
        "cause",
        "receives",
        "first_seen",
        "last_seen",
        "redrive_at",
    )
    list_display_links = ("id", "file_name")
    list_filter = ("state", "queue")
    search_fields = ("classification", "message_id")
    search_help_text = "The id of a classification or of a message, or the beginning of a file name"
    fieldsets = (
        (None, {"fields": ("small_picture", "classification", "queue", "cause")}),
        ("Redrive", {"fields": ("state", "redrive_at", "handled_at", "handled_by")}),
        ("Received", {"fields": ("receives", "first_seen", "last_seen", "message_id")}),
        ("Message", {"fields": ("message",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeadLetter]:
        letters: QuerySet[DeadLetter] = super().get_queryset(request).select_related("classification")
        return letters.defer("body", "classification__thumbnail", "classification__record")

    def get_search_results(
        self, request: HttpRequest, letters: QuerySet[DeadLetter], term: str
    ) -> tuple[QuerySet[DeadLetter], bool]:
        term = term.strip()
        try:
            of_message = Q(queue__in=DeadLetter.Queue.values, message_id=term)  # as the index has it
            return letters.filter(Q(classification=UUID(term)) | of_message), False
        except ValueError:
            return (letters.filter(classification__file_name__startswith=term) if term else letters), False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        waiting = DeadLetter.objects.filter(state=DeadLetter.State.WAITING).values_list("id")[: ACTED_AT_ONCE + 1]
        shown = {"waiting": len(waiting), "at_once": ACTED_AT_ONCE, "may_act": self.has_act_permission(request)}
        return super().changelist_view(request, shown)

    def can_be_acted_on(self, row: DeadLetter) -> bool:
        return row.state == DeadLetter.State.WAITING

    @admin.action(permissions=["act"], description="Redrive")
    def redrive(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> None:
        """Redrive the selected letters. Those that belong to nothing are set apart, or they would take all places."""
        foreign = Q(queue=DeadLetter.Queue.REQUESTS, classification=None)
        redrivable = letters.exclude(foreign)
        self.act_on_each(request, redrivable, lambda letter: redrive(letter, request.user.get_username()), "redriven")
        if count := letters.filter(foreign).count():
            reason = "It belongs to no classification, so there is nothing to classify."
            self.message_user(request, f"{count} not redriven: {reason}", messages.ERROR)

    @admin.action(permissions=["act"], description="Discard")
    def discard(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> HttpResponse | None:
        """Discard the selected letters. Without `confirmed` in the form, show the confirmation page instead."""
        if "confirmed" in request.POST:
            self.act_on_each(request, letters, lambda letter: discard(letter, request.user.get_username()), "discarded")
            return None
        chosen = list(letters[: ACTED_AT_ONCE + 1])
        named, more = chosen[:ACTED_AT_ONCE], len(chosen) > ACTED_AT_ONCE
        title = f"Discard {len(named)} dead letter{pluralize(len(named))}?"
        shown = {"title": title, "letters": named, "more": more, "media": self.media}
        context = {**self.admin_site.each_context(request), **shown}
        return TemplateResponse(request, "admin/classify_app/deadletter/discard_confirmation.html", context)

    @admin.display(description="picture")
    def small_picture(self, letter: DeadLetter) -> str:
        """Return the thumbnail, or a link to the stored picture if no worker has made a thumbnail."""
        row = letter.classification
        if row is None or row.state == State.DONE:
            return small_picture(row)
        return format_html('<a href="{}">stored picture</a>', reverse("picture", args=[row.id]))

    @admin.display(description="file name")
    def file_name(self, letter: DeadLetter) -> str | None:
        return letter.classification.file_name if letter.classification else None

    @admin.display(description="classification")
    def result(self, letter: DeadLetter) -> str | None:
        return letter.classification.get_state_display() if letter.classification else None

    @admin.display(description="message")
    def message(self, letter: DeadLetter) -> SafeString:
        try:
            body = json.dumps(json.loads(letter.body), indent=2)
        except (ValueError, RecursionError):
            body = letter.body
        return format_html("<pre>{}</pre>", body)
