"""Lists of the admin that are quick with millions of rows: pages by id, estimated counts, filters by an index."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.db.models.expressions import Combinable
from django.http import HttpRequest

from classify_app.models import Classification, id_at
from classify_app.paging import estimated_count, page_of, values_of


class NewestFirst(ChangeList):
    """A list by descending id whose pages begin where the last one ended. Django counts all rows and skips to one."""

    total: str
    newer: str | None
    older: str | None

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str | Combinable]:
        return ["-pk"]

    def get_results(self, request: HttpRequest) -> None:
        page = page_of(self.queryset, request.GET.get(PAGE_VAR, ""), self.list_per_page)
        self.newer, self.older = (
            cursor and self.get_query_string({PAGE_VAR: cursor}) for cursor in (page.newer, page.older)
        )
        self.total = estimated_count(self.queryset) if page.newer or page.older else str(len(page.rows))
        self.result_list = page.rows
        # What Django's templates need. With these counts they neither show one nor offer to select more than the page.
        self.result_count = self.full_result_count = len(page.rows)
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = True


class ListAdmin(admin.ModelAdmin):
    """The base of all our lists. A long one has its own `get_search_results`, since Django's reads all rows."""

    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return NewestFirst


class ModelFilter(admin.SimpleListFilter):
    title = parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in values_of(Classification, "model")]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.filter(model=self.value()) if self.value() else rows


class TypedFilter(admin.SimpleListFilter):
    """A filter whose value is typed. The lookups, if any, complete it."""

    template = "admin/classify_app/typed_filter.html"
    input_type = "text"

    def has_output(self) -> bool:
        return True

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return []

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Yield the other parameters of the list, which the filter's form sends again."""
        return (
            {"name": name, "value": value} for name, value in changelist.params.items() if name != self.parameter_name
        )

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        value = (self.value() or "").strip().replace("\0", "")
        return self.matching(rows, value) if value else rows

    def matching(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        raise NotImplementedError


class LabelFilter(TypedFilter):
    title = parameter_name = "label"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(label, label) for label in values_of(Classification, "label")]

    def matching(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        return rows.filter(label=value)


class OwnerFilter(TypedFilter):
    title = parameter_name = "owner"

    def matching(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        # Looked up here, since with a join the planner would not know how many rows the owner has.
        owner = User.objects.filter(username=value).first()
        return rows.filter(owner=owner) if owner else rows.none()


class UntilFilter(TypedFilter):
    """The rows until the end of a day (UTC). It takes the place of skipping pages."""

    title = "latest day"
    parameter_name = "until"
    input_type = "date"

    def matching(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        try:
            end = datetime.combine(date.fromisoformat(value) + timedelta(days=1), time(), UTC)
            return rows.filter(pk__lt=id_at(end))
        except (ValueError, OverflowError) as error:
            raise IncorrectLookupParameters(error) from error
