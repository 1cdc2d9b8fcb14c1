"""Pages of long lists: each begins where the last one ended, and counts are estimates."""

import pytest
from django.db import connection

from classify_app.models import Classification
from classify_app.paging import COUNTED, Page, estimated_count, page_of, values_of
from tests.records import row

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

SIZE = 3


def page(cursor: str = "") -> Page[Classification]:
    return page_of(Classification.objects.all(), cursor, SIZE)


def rows(count: int) -> list[Classification]:
    """Return new rows, newest first."""
    return [row() for _ in range(count)][::-1]


def walk(first: Page[Classification], direction: str) -> list[Page[Classification]]:
    pages = [first]
    while cursor := getattr(pages[-1], direction):
        pages.append(page(cursor))
    return pages


@pytest.mark.parametrize("count", [0, 1, SIZE, SIZE + 1, 3 * SIZE])
def test_the_older_pages_have_each_row_once_newest_first(count):
    expected = rows(count)
    pages = walk(page(), "older")
    assert [one for page in pages for one in page.rows] == expected
    assert len(pages) == max(1, -(-count // SIZE))


@pytest.mark.parametrize("count", [SIZE + 1, 3 * SIZE])
def test_the_newer_pages_lead_back_to_the_newest(count):
    expected = rows(count)
    *_, last = walk(page(), "older")
    *_, first = walk(last, "newer")
    assert first == page()
    assert first.rows == expected[:SIZE]


def test_a_new_row_moves_no_row_to_another_page():
    expected = rows(2 * SIZE)
    first = page()
    rows(2)
    assert page(first.older).rows == expected[SIZE:]


def test_a_deleted_row_ends_no_page():
    expected = rows(2 * SIZE)
    first = page()
    first.rows[-1].delete()
    assert page(first.older).rows == expected[SIZE:]


@pytest.mark.parametrize("direction", ["older", "newer"])
def test_where_no_rows_are_the_newest_are_shown(direction):
    rows(SIZE)
    [only] = walk(page(), "older")
    beyond = only.rows[-1 if direction == "older" else 0].pk
    assert page(f"{direction}-{beyond}") == only


@pytest.mark.parametrize(
    "cursor", ["2", "older", "older-", "older-cat", "newer-0", "later-{}", "older-{}x", "-{}", "\0"]
)
def test_what_is_no_cursor_shows_the_newest(cursor):
    rows(2 * SIZE)
    assert page(cursor.format(page().rows[-1].pk)) == page()


def test_the_values_of_a_field_are_its_own_in_order():
    for label in ("tabby", "", "Egyptian cat", "tabby", "tub"):
        row(label=label)
    assert sorted(values_of(Classification, "label")) == ["Egyptian cat", "tabby", "tub"]


def test_without_values_there_are_none():
    assert values_of(Classification, "label") == []


def test_many_rows_are_not_counted():
    example = row()
    more = (Classification(file_name="more.png", width=1, height=1, bytes=1) for _ in range(COUNTED))
    Classification.objects.bulk_create(more)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    postgresql = connection.vendor == "postgresql"
    assert estimated_count(Classification.objects.all()) == ("an estimated 1,000" if postgresql else "more than 1,000")
    assert estimated_count(Classification.objects.filter(pk=example.pk)) == ("an estimated 1" if postgresql else "1")
