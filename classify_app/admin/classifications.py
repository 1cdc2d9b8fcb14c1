"""The admin of classifications: every accepted picture with its result."""

import json

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from classify_app.admin.read_only import NOTHING, ReadOnlyAdmin
from classify_app.intake.submission import rerun
from classify_app.models import Classification, State
from classify_app.templatetags.recognition import percent
from project import contract, env
from project.aws import storage


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
    search_help_text = "An id, or part of a file name or of the owner's name"
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
