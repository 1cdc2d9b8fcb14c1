"""Browsing what was classified and what died. Uploads, results and consumers make rows, so nothing here edits them."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_permission_codename
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from classify_app.accounts.tokens import revoke
from classify_app.intake.submission import rerun
from classify_app.models import ApiToken, Classification, DeadLetter, State
from classify_app.repair.redrive import discard, redrive
from classify_app.templatetags.recognition import percent
from project import contract, env
from project.aws import storage
from project.refusals import Refusal

admin.site.site_header = admin.site.site_title = "Image recognition"
admin.site.index_title = "Administration"


NOTHING = "-"
MAX_DISCARDS = 500
"""Dead letters that one confirmation names; Django takes 1,000 fields of a form."""


class Browsed(admin.ModelAdmin):
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


def small_picture(row: Classification | None) -> str:
    if row is None or row.state != State.DONE:
        return NOTHING
    return format_html('<img src="{}" alt="" height="64" loading="lazy">', reverse("thumbnail", args=[row.id]))


@admin.register(Classification)
class ClassificationAdmin(Browsed):
    actions = ("classify_again",)
    list_display = (
        "small_picture",
        "file_name",
        "owner",
        "label",
        "percentage",
        "state",
        "model",
        "created_at",
        "submitted_at",
        "finished_at",
    )
    list_display_links = ("small_picture", "file_name")
    list_filter = ("state", "created_at", "fallback", "model", ("label", admin.AllValuesFieldListFilter))
    search_fields = ("id", "file_name", "owner__username")
    search_help_text = "An id, or part of a file name or of its owner's name"
    list_select_related = ("owner",)
    date_hierarchy = "created_at"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "small_picture",
                    "id",
                    "file_name",
                    "owner",
                    "state",
                    "label",
                    "percentage",
                    "error_code",
                    "error",
                )
            },
        ),
        ("Runs", {"fields": ("rerun_of", "later_runs")}),
        ("Model", {"fields": ("model", "weights", "fallback")}),
        ("Picture", {"fields": ("format", "width", "height", "bytes", "upload_id")}),
        ("Times", {"fields": ("created_at", "submitted_at", "finished_at")}),
        ("Stored", {"fields": ("stored_objects", "stored_json")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Classification]:
        return super().get_queryset(request).defer("thumbnail", "record")

    def can_be_acted_on(self, row: Classification) -> bool:
        return row.finished

    @admin.action(permissions=["act"], description="Classify again")
    def classify_again(self, request: HttpRequest, rows: QuerySet[Classification]) -> None:
        self.act_on_each(request, rows, rerun, "classified again")

    @admin.display(description="picture")
    def small_picture(self, row: Classification) -> str:
        return small_picture(row)

    @admin.display(description="later runs")
    def later_runs(self, row: Classification) -> SafeString:
        ids = row.reruns.values_list("id", flat=True)
        urls = ((reverse("admin:classify_app_classification_change", args=[id]), id) for id in ids)
        return format_html_join(SafeString("<br>"), '<a href="{}">{}</a>', urls)

    @admin.display(description="confidence", ordering="confidence")
    def percentage(self, row: Classification) -> str:
        return percent(row.confidence)

    @admin.display(description="objects")
    def stored_objects(self, row: Classification) -> SafeString:
        aws = env.aws()
        links = [(aws.input_bucket, row.input_key)]
        if row.finished:
            links.append((aws.output_bucket, contract.record_key(str(row.id))))
        if row.state == State.DONE:
            links.append((aws.output_bucket, contract.label_key(str(row.id))))
        urls = ((storage.download_url(bucket, key), f"s3://{bucket}/{key}") for bucket, key in links)
        return format_html_join(SafeString("<br>"), '<a href="{}">{}</a>', urls)

    @admin.display(description="JSON")
    def stored_json(self, row: Classification) -> SafeString | None:
        if row.record is None:
            return None
        return format_html("<pre>{}</pre>", json.dumps(row.record, indent=2, ensure_ascii=False))


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    """Tokens are made by their users, or by `manage.py create_token`; here they are seen and revoked."""

    list_display = (
        "name",
        "user",
        "beginning",
        "may_read",
        "may_write",
        "created_at",
        "last_used_at",
        "expires_at",
        "state",
    )
    list_filter = ("may_write", "created_at")
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    exclude = ("digest",)
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("classify_app.change_apitoken")

    @admin.action(description="Revoke the selected tokens", permissions=["revoke"])
    def revoke(self, request: HttpRequest, tokens: QuerySet[ApiToken]) -> None:
        self.message_user(request, f"{revoke(tokens)} revoked.", messages.SUCCESS)


@admin.register(DeadLetter)
class DeadLetterAdmin(Browsed):
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
    )
    list_display_links = ("id", "file_name")
    list_filter = ("state", "queue", "first_seen")
    search_fields = ("classification__file_name", "message_id", "body")
    search_help_text = "Part of a file name or of a message"
    # By name, which is also by need: waiting, redriven, discarded.
    ordering = ("-state", "-last_seen", "-id")
    fieldsets = (
        (None, {"fields": ("small_picture", "classification", "queue", "cause", "state", "handled_at", "handled_by")}),
        ("Received", {"fields": ("receives", "first_seen", "last_seen", "message_id")}),
        ("Message", {"fields": ("message",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeadLetter]:
        letters: QuerySet[DeadLetter] = super().get_queryset(request).select_related("classification")
        return letters.defer("body", "classification__thumbnail", "classification__record")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        waiting = DeadLetter.objects.filter(state=DeadLetter.State.WAITING).count()
        return super().changelist_view(request, {"waiting": waiting, "may_act": self.has_act_permission(request)})

    def can_be_acted_on(self, row: DeadLetter) -> bool:
        return row.state == DeadLetter.State.WAITING

    @admin.action(permissions=["act"], description="Redrive")
    def redrive(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> None:
        self.act_on_each(request, letters, lambda letter: redrive(letter, request.user.get_username()), "redriven")

    @admin.action(permissions=["act"], description="Discard")
    def discard(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> HttpResponse | None:
        """Discard letters once that is confirmed; until then ask."""
        if "confirmed" in request.POST:
            self.act_on_each(request, letters, lambda letter: discard(letter, request.user.get_username()), "discarded")
            return None
        named, total = list(letters[:MAX_DISCARDS]), letters.count()
        title = f"Discard {len(named)} dead letter{pluralize(len(named))}?"
        shown = {"title": title, "letters": named, "total": total, "media": self.media}
        context = {**self.admin_site.each_context(request), **shown}
        return TemplateResponse(request, "admin/classify_app/deadletter/discard_confirmation.html", context)

    @admin.display(description="picture")
    def small_picture(self, letter: DeadLetter) -> str:
        """Return the thumbnail; workers make those, so a request that died has a link to the stored picture."""
        row = letter.classification
        if row is None or row.state == State.DONE:
            return small_picture(row)
        return format_html(
            '<a href="{}">stored picture</a>', storage.download_url(env.aws().input_bucket, row.input_key)
        )

    @admin.display(description="file name", ordering="classification__file_name")
    def file_name(self, letter: DeadLetter) -> str | None:
        return letter.classification.file_name if letter.classification else None

    @admin.display(description="classification", ordering="classification__state")
    def result(self, letter: DeadLetter) -> str | None:
        return letter.classification.get_state_display() if letter.classification else None

    @admin.display(description="message")
    def message(self, letter: DeadLetter) -> SafeString:
        try:
            body = json.dumps(json.loads(letter.body), indent=2)
        except (ValueError, RecursionError):
            body = letter.body
        return format_html("<pre>{}</pre>", body)
