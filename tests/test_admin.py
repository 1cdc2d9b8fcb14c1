"""The admin: results can be listed, filtered and searched, but not changed."""

import httpx
import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

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
    row = queued_row(file_name="my cat.png")
    complete(done(row, label="tabby"))
    row.refresh_from_db()
    return row


def test_the_list_shows_thumbnail_label_confidence_state_and_model(admin, tabby):
    shown = page(admin)
    for part in (reverse("thumbnail", args=[tabby.id]), "tabby", f"{tabby.confidence:.1%}", "Done", tabby.model):
        assert part in shown


@pytest.mark.parametrize(("query", "found"), [("?state=done", True), ("?state=failed", False), ("?label=tabby", True)])
def test_the_list_is_filtered(admin, tabby, query, found):
    assert ("my cat.png" in page(admin, query)) is found


@pytest.mark.parametrize(("term", "found"), [("my cat", True), ("dog", False)])
def test_the_search_finds_file_names(admin, tabby, term, found):
    assert (str(tabby.id) in page(admin, f"?q={term}")) is found


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


def classify_again(client: Client, *rows: Classification) -> str:
    chosen = {"action": "classify_again", "index": "0", "_selected_action": [row.pk for row in rows]}
    answer = client.post(LIST, chosen, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_selected_row_is_classified_again(admin, stored):
    assert "1 classified again." in classify_again(admin, stored)
    again = Classification.objects.get(rerun_of=stored)
    assert [request["id"] for request in requests()] == [str(again.id)]
    assert LogEntry.objects.get().get_change_message() == "Classified again."


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
