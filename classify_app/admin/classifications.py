"""The admin of classifications: every accepted picture with its result."""

import json
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from classify_app.admin.lists import LabelFilter, ModelFilter, OwnerFilter, UntilFilter
from classify_app.admin.read_only import NOTHING, ReadOnlyAdmin
from classify_app.intake.submission import rerun
from classify_app.models import Classification, State
from classify_app.templatetags.recognition import percent
from project import contract, env
from project.aws import storage

FOUND = 1000
"""Most rows that a search finds by their file name, and by their label."""

LATER_RUNS = 100


def small_picture(row: Classification | None) -> str:
    if row is None or row.state != State.DONE:
        return NOTHING
    return format_html('<img src="{}" alt="" height="64" loading="lazy">', reverse("thumbnail", args=[row.id]))


@admin.register(Classification)
class ClassificationAdmin(ReadOnlyAdmin):
    actions = ("classify_again",)
    list_display = (
        "small_picture",
        "file_name",
        "state",
        "label",
        "percentage",
        "owner",
        "model",
        "created_at",
        "finished_at",
    )
    list_display_links = ("small_picture", "file_name")
    list_filter = ("state", ModelFilter, LabelFilter, OwnerFilter, UntilFilter)
    search_fields = ("id", "file_name", "label")
    search_help_text = (
        "An id, a whole label, or the beginning of a file name; capital letters matter. "
        f"At most {FOUND:,} are found by each."
    )
    list_select_related = ("owner",)
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

    def get_search_results(
        self, request: HttpRequest, rows: QuerySet[Classification], term: str
    ) -> tuple[QuerySet[Classification], bool]:
        return (rows.filter(id__in=_found_by(term.strip())) if term.strip() else rows), False

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
        ids = row.reruns.values_list("id", flat=True)[:LATER_RUNS]
        urls = ((reverse("admin:classify_app_classification_change", args=[id]), id) for id in ids)
        return format_html_join(SafeString("<br>"), '<a href="{}">{}</a>', urls)

    @admin.display(description="confidence")
    def percentage(self, row: Classification) -> str:
        return percent(row.confidence)

    @admin.display(description="objects")
    def stored_objects(self, row: Classification) -> SafeString:
        bucket = env.aws().output_bucket
        links = [(reverse("picture", args=[row.id]), f"s3://{env.aws().input_bucket}/{row.input_key}")]
        # These are stored for longer than the row is kept.
        keys = [contract.record_key(str(row.id))] if row.record else []
        if row.state == State.DONE:
            keys.append(contract.label_key(str(row.id)))
        links += [(storage.download_url(bucket, key), f"s3://{bucket}/{key}") for key in keys]
        return format_html_join(SafeString("<br>"), '<a href="{}">{}</a>', links)

    @admin.display(description="JSON")
    def stored_json(self, row: Classification) -> SafeString | None:
        if row.record is None:
            return None
        return format_html("<pre>{}</pre>", json.dumps(row.record, indent=2, ensure_ascii=False))


def _found_by(term: str) -> list[UUID]:
    """Return the ids of the rows that a search finds, by each of its indexes.

    With all in one query the planner would read the table from the newest row on, until it has found a page full.
    """
    try:
        return [UUID(term)]
    except ValueError:
        ids = Classification.objects.values_list("id", flat=True)
        named, labelled = ids.filter(file_name__startswith=term).order_by(), ids.filter(label=term)
        return [*named[:FOUND], *labelled[:FOUND]]
