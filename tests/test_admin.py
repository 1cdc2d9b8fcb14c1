"""The admin: results can be listed, filtered and searched, but not changed."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import quote

import httpx
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from classify_app.admin.classifications import ClassificationAdmin
from classify_app.admin.read_only import ACTED_AT_ONCE
from classify_app.models import Classification
from classify_app.results.completion import complete
from project.aws import storage
from tests.records import PICTURE, done, failed, requests
from tests.records import row as queued_row

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

LIST = reverse("admin:classify_app_classification_changelist")


@pytest.fixture
def admin(admin_client: Client) -> Client:
    return admin_client


def page(client: Client, query: str = "") -> str:
    answer = client.get(LIST + query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def tabby(db) -> Classification:
    row = queued_row(file_name="my cat.png", owner=User.objects.create_user("ada"))
    complete(done(row, label="tabby"))
    row.refresh_from_db()
    return row


def test_the_list_shows_thumbnail_label_confidence_state_and_model(admin, tabby):
    shown = page(admin)
    for part in (reverse("thumbnail", args=[tabby.id]), "tabby", f"{tabby.confidence:.1%}", "Done", tabby.model):
        assert part in shown


def test_the_state_stands_beside_the_file_name_where_no_long_label_moves_it(admin, tabby):
    columns = re.findall(r'<th [^>]*class="column-(\w+)', page(admin))
    assert columns[:3] == ["small_picture", "file_name", "state"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state__exact=done", True),
        ("state__exact=failed", False),
        ("label=tabby", True),
        ("label= tabby ", True),
        ("label=tab", False),
        ("label=", True),
        ("label=%00", True),
        ("model=resnet50", True),
        ("model=resnet18", False),
        ("owner=ada", True),
        ("owner=nobody", False),
        ("until=9000-01-01", True),
        ("until=2026-01-01", False),
        ("label=tabby&state__exact=done&owner=ada&q=my", True),
        ("label=tabby&state__exact=failed", False),
    ],
)
def test_the_list_is_filtered(admin, tabby, query, found):
    assert ("my cat.png" in page(admin, f"?{query}")) is found


def test_the_last_day_is_part_of_what_is_shown(admin, tabby):
    day = tabby.created_at.date()
    assert "my cat.png" in page(admin, f"?until={day}")
    assert "my cat.png" not in page(admin, f"?until={day - timedelta(days=1)}")


@pytest.mark.parametrize("day", ["cat", "2026-02-31", "9999-12-31", "0001-01-01"])
def test_what_is_no_day_shows_all(admin, tabby, day):
    answer = admin.get(LIST, {"until": day}, follow=True)
    assert (answer.status_code, "my cat.png" in answer.text) == (200, True)


def test_the_filters_offer_the_labels_and_models_of_the_table(admin, tabby):
    queued_row(label="tub", model="resnet18")
    shown = page(admin)
    assert re.findall(r'<option value="([^"]*)">', shown.partition('<datalist id="label-values">')[2]) == [
        "tabby",
        "tub",
    ]
    assert re.findall(r'href="\?model=([^"]*)"', shown) == ["resnet18", "resnet50"]


def test_a_typed_filter_keeps_the_others_and_begins_at_the_newest(admin, tabby):
    shown = page(admin, f"?state__exact=done&label=tabby&q=my&p=older-{queued_row().id}")
    [form] = re.findall(r'<form class="typed".*?name="label".*?</form>', shown.partition("By label")[2], re.DOTALL)[:1]
    hidden = re.findall(r'type="hidden" name="(\w+)" value="(\w+)"', form)
    assert sorted(hidden) == [("q", "my"), ("state__exact", "done")]
    assert 'name="label" value="tabby"' in form


def test_the_list_has_pages_newest_first(admin, db):
    rows = [queued_row(file_name=f"{number}.png") for number in range(ClassificationAdmin.list_per_page + 1)]
    first = page(admin, "?state__exact=queued")
    older = f"?p=older-{rows[1].id}&amp;state__exact=queued"
    assert f'rel="next" href="{older}"' in first
    assert re.search(rf"(an estimated \d+|{len(rows)}) classifications", first)
    assert re.findall(r">(\d+)\.png</a>", first) == [str(number) for number in range(len(rows) - 1, 0, -1)]
    last = page(admin, unescape(older))
    assert re.findall(r">(\d+)\.png</a>", last) == ["0"]
    assert 'rel="next"' not in last
    assert f'rel="prev" href="?p=newer-{rows[0].id}&amp;state__exact=queued"' in last


def test_another_order_is_not_offered_and_not_taken(admin, tabby):
    queued_row(file_name="z.png")
    shown = page(admin, "?o=2")
    assert shown.index("z.png</a>") < shown.index("my cat.png</a>")
    assert "sortable" not in shown


def test_only_the_rows_of_a_page_can_be_selected(admin, db):
    for _ in range(ClassificationAdmin.list_per_page + 1):
        queued_row()
    assert f"0 of {ClassificationAdmin.list_per_page} selected" in page(admin)
    assert 'class="question' not in page(admin)


@pytest.mark.parametrize(
    ("term", "found"), [("my cat", True), ("my", True), ("cat", False), ("tabby", True), ("%", False)]
)
def test_the_search_finds_beginnings_of_file_names_and_whole_labels(admin, tabby, term, found):
    assert (str(tabby.id) in page(admin, f"?q={quote(term)}")) is found


def test_the_search_finds_ids(admin, tabby):
    other = queued_row(file_name="another.png")
    shown = page(admin, f"?q={tabby.id}")
    assert "my cat.png" in shown
    assert other.file_name not in shown


def test_the_detail_page_shows_the_stored_json_and_links_to_the_objects(admin, tabby):
    shown = admin.get(reverse("admin:classify_app_classification_change", args=[tabby.id])).content.decode()
    assert "&quot;label&quot;: &quot;tabby&quot;" in shown
    for key in (tabby.input_key, f"{tabby.id}.json", f"{tabby.id}.txt"):
        assert f"/{key}</a>" in shown


def test_a_queued_row_has_a_page_too(admin, db):
    assert admin.get(reverse("admin:classify_app_classification_change", args=[queued_row().id])).status_code == 200


def test_nothing_can_be_added_or_deleted(admin, tabby):
    assert admin.get(reverse("admin:classify_app_classification_add")).status_code == 403
    assert admin.post(reverse("admin:classify_app_classification_delete", args=[tabby.id])).status_code == 403


@pytest.mark.usefixtures("aws")
def test_a_link_downloads_the_object(db):
    storage.put_picture("a key.png", b"picture", "image/png", "a.png")
    answer = httpx.get(storage.download_url("recognition-input", "a key.png"))
    assert (answer.content, answer.headers["content-disposition"]) == (b"picture", "attachment")


@pytest.fixture
def stored(transactional_db, aws) -> Classification:
    """A finished classification whose picture is stored."""
    row = queued_row(file_name="my cat.png")
    storage.put_picture(row.input_key, PICTURE, "image/png", row.file_name)
    complete(done(row))
    return row


def classify_again(client: Client, *rows: Classification, **fields: str) -> str:
    selected = [row.pk for row in rows]
    chosen = {"action": "classify_again", "index": "0", "_selected_action": selected, **fields}
    answer = client.post(LIST, chosen, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_selected_row_is_classified_again(admin, stored):
    assert "1 classified again." in classify_again(admin, stored)
    again = Classification.objects.get(rerun_of=stored)
    assert [request["id"] for request in requests()] == [str(again.id)]
    assert LogEntry.objects.get().get_change_message() == "Classified again."


def test_one_action_takes_so_many_rows_and_says_so(admin, stored):
    for _ in range(ACTED_AT_ONCE):
        queued_row()
    shown = classify_again(admin, stored, select_across="1")
    assert f"{ACTED_AT_ONCE} not classified again" in shown
    assert f"One action takes {ACTED_AT_ONCE} rows; the others were left." in shown
    assert Classification.objects.count() == ACTED_AT_ONCE + 1


def test_the_two_runs_link_to_each_other(admin, stored):
    classify_again(admin, stored)
    again = Classification.objects.get(rerun_of=stored)
    for one, other in ((stored, again), (again, stored)):
        address = reverse("admin:classify_app_classification_change", args=[one.pk])
        assert f"{other.id}" in admin.get(address).content.decode()


def test_rows_without_a_picture_are_reported(admin, stored):
    shown = classify_again(admin, stored, queued_row(), queued_row())
    assert "1 classified again." in shown
    assert "2 not classified again: The picture is no longer in the input bucket" in shown
    assert LogEntry.objects.count() == 1


@pytest.mark.parametrize(("record", "offered"), [(None, False), (done, True), (failed, True)])
def test_a_finished_rows_page_offers_to_classify_it_again(admin, db, record, offered):
    row = queued_row()
    if record:
        complete(record(row))
    page = admin.get(reverse("admin:classify_app_classification_change", args=[row.pk])).content.decode()
    assert ('value="classify_again"' in page) is offered


def test_view_permission_does_not_allow_to_classify_again(client, stored, viewer):
    client.force_login(viewer)
    assert "my cat.png" in classify_again(client, stored)
    assert Classification.objects.count() == 1
