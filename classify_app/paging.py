"""Pages of long lists: each begins where the last one ended, and what is long is not counted."""

import json
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)

OLDER, NEWER = "older", "newer"
COUNTED = 1000
"""How many rows are counted at most, where the database has no estimate."""


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows, newest first, and the cursors of the pages beside them; None where there is no such page."""

    rows: list[Row]
    newer: str | None = None
    older: str | None = None


def page_of(rows: QuerySet[Row], cursor: str, size: int) -> Page[Row]:
    """Return at most `size` of the rows by descending id; the newest, unless `cursor` is one of another page.

    The query reads `size + 1` rows of an index from the cursor on. It counts nothing and skips nothing.
    """
    direction, _, text = cursor.partition("-")
    try:
        position = rows.model._meta.pk.to_python(text)
    except ValidationError:
        direction = ""
    if direction == NEWER:
        found = list(rows.filter(pk__gt=position).order_by("pk")[: size + 1])
        if len(found) > size:  # fewer are part of the newest page
            return _page(found[size - 1 :: -1], newer=True, older=True)
    elif direction == OLDER:
        found = list(rows.filter(pk__lt=position).order_by("-pk")[: size + 1])
        if found:
            return _page(found[:size], newer=True, older=len(found) > size)
    found = list(rows.order_by("-pk")[: size + 1])
    return _page(found[:size], newer=False, older=len(found) > size)


def _page(rows: list[Row], *, newer: bool, older: bool) -> Page[Row]:
    return Page(rows, f"{NEWER}-{rows[0].pk}" if newer else None, f"{OLDER}-{rows[-1].pk}" if older else None)


def estimated_count(rows: QuerySet[Row]) -> str:
    """Return about how many rows there are, without reading them: "an estimated 3,000,000", or "more than 1,000".

    The first is what PostgreSQL's planner expects. SQLite's has no such number, so there rows are counted, up to 1,000.
    """
    rows = rows.order_by()
    if connection.vendor == "postgresql":
        expected = json.loads(rows.explain(format="json"))[0]["Plan"]["Plan Rows"]
        return f"an estimated {float(f'{expected:.2g}'):,.0f}"
    counted = len(rows.values_list("pk")[: COUNTED + 1])
    return f"more than {COUNTED:,}" if counted > COUNTED else f"{counted:,}"


def values_of(model: type[Model], field: str) -> list[str]:
    """Return the values that a text field has, in order, without the empty one.

    Each value is one look into an index that begins with the field. DISTINCT would read all rows.
    """
    quote = connection.ops.quote_name
    table, column = quote(model._meta.db_table), quote(field)
    query = f"""
        WITH RECURSIVE found(value) AS (
            SELECT min({column}) FROM {table} WHERE {column} > ''
            UNION ALL
            SELECT (SELECT min({column}) FROM {table} WHERE {column} > value) FROM found WHERE value IS NOT NULL
        )
        SELECT value FROM found WHERE value IS NOT NULL
    """  # noqa: S608 -- both names are the code's own
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [value for (value,) in cursor.fetchall()]
