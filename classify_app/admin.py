"""Browsing what was classified. Rows are made by uploads and finished by results, so nothing here edits them."""

import json

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from classify_app.models import ApiToken, Classification, State
from classify_app.templatetags.recognition import percent
from classify_app.tokens import revoke
from project import contract, env, storage

admin.site.site_header = admin.site.site_title = "Image recognition"
admin.site.index_title = "Administration"


@admin.register(Classification)
class ClassificationAdmin(admin.ModelAdmin):
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
    list_per_page = 50
    show_full_result_count = False
    empty_value_display = "-"
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
        ("Model", {"fields": ("model", "weights", "fallback")}),
        ("Picture", {"fields": ("format", "width", "height", "bytes", "upload_id")}),
        ("Times", {"fields": ("created_at", "submitted_at", "finished_at")}),
        ("Stored", {"fields": ("stored_objects", "stored_json")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Classification]:
        return super().get_queryset(request).defer("thumbnail", "record")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Classification | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Classification | None = None) -> bool:
        return False

    @admin.display(description="picture")
    def small_picture(self, row: Classification) -> SafeString | None:
        if row.state != State.DONE:
            return None
        return format_html('<img src="{}" alt="" height="64" loading="lazy">', reverse("thumbnail", args=[row.id]))

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
