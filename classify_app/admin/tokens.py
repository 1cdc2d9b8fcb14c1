"""The admin of API tokens: list and revoke."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from classify_app.accounts.tokens import revoke
from classify_app.admin.lists import ListAdmin
from classify_app.models import ApiToken


@admin.register(ApiToken)
class ApiTokenAdmin(ListAdmin):
    """Users create their tokens on the account page, staff with `manage.py create_token`; neither is done here."""

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
