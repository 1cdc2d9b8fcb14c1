"""The pages that list rows read few of them, however many there are: by an index, from where the page begins."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from benchmarks.lists.pages import Page, pages
from benchmarks.lists.rows import FEW, MANY, STAFF, fill
from classify_app.admin.classifications import FOUND
from classify_app.models import Classification, DeadLetter, State

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

ROWS = 50_000
MOST_READ = 3 * FOUND
"""Most rows that one query may read: those that a search finds, and each label once."""

TABLES = [model._meta.db_table for model in (Classification, DeadLetter)]


WASTEFUL = (
    "SELECT count(*) FROM classify_app_classification",
    "SELECT DISTINCT label FROM classify_app_classification",
    "SELECT id FROM classify_app_classification ORDER BY id DESC LIMIT 50 OFFSET 40000",
    "SELECT id FROM classify_app_classification WHERE file_name ILIKE '%scan%' ORDER BY id DESC LIMIT 50",
    "SELECT id FROM classify_app_classification ORDER BY confidence LIMIT 50",
)


@pytest.fixture
def filled(transactional_db: None) -> None:
    """Tables with many rows, or on SQLite with enough for several pages."""
    if connection.vendor == "postgresql":
        fill(ROWS)
    else:
        fill_a_little()


def fill_a_little() -> None:
    for name in (STAFF, MANY, FEW):
        User.objects.create_user(name, is_staff=name == STAFF, is_superuser=name == STAFF)
    about = {
        "file_name": "scan.png",
        "input_key": "scan.png",
        "label": "label 0",
        "width": 1,
        "height": 1,
        "bytes": 1,
        "state": State.DONE,
    }
    rows = Classification.objects.bulk_create(Classification(**about) for _ in range(250))
    DeadLetter.objects.bulk_create(
        DeadLetter(queue="requests", message_id=str(row.id), receives=6, classification=row) for row in rows
    )


def queries_of(page: Page) -> list[str]:
    """Open a page; return the queries that it made of the tables."""
    client = Client()
    client.force_login(User.objects.get(username=page.user))
    with CaptureQueriesContext(connection) as captured:
        assert client.get(page.address).status_code == 200, page
    return [query["sql"] for query in captured if any(table in query["sql"] for table in TABLES)]


def test_no_page_reads_more_rows_than_it_needs(filled):
    queries = {page.name: queries_of(page) for page in pages()}
    assert all(queries.values())
    read = {(name, query): rows_read(query) for name in queries for query in queries[name]}
    assert {about: count for about, count in read.items() if count > MOST_READ} == {}
    # The API's newer pages skip one row, the one that the cursor names.
    wasteful = re.compile(r"\bCOUNT\(|\bOFFSET (?!1\b)|\bDISTINCT\b", re.IGNORECASE)
    assert [about for about in read if wasteful.search(about[1])] == []


def test_reading_too_many_rows_would_be_found(filled):
    if connection.vendor == "postgresql":
        assert [query for query in WASTEFUL if rows_read(query) <= MOST_READ] == []


def rows_read(query: str) -> int:
    """Return how many rows of the tables a query reads on PostgreSQL, those included that it then drops."""
    if connection.vendor != "postgresql" or query.startswith("EXPLAIN"):
        return 0  # SQLite doesn't tell, and EXPLAIN reads none
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}")
        [[[plan]]] = cursor.fetchall()
    return sum(read_by(node) for node in nodes(plan["Plan"]) if node.get("Relation Name") in TABLES)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def read_by(node: dict[str, Any]) -> int:
    dropped = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int((node["Actual Rows"] + dropped) * node["Actual Loops"])
