"""The admin: results are browsed, filtered and found, and nothing can be changed."""

import httpx
import pytest
from django.test import Client
from django.urls import reverse

from classify_app.completion import complete
from classify_app.models import Classification
from project import storage
from tests.records import done
from tests.records import row as queued_row

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
def test_a_file_name_is_searched_for(admin, tabby, term, found):
    assert (str(tabby.id) in page(admin, f"?q={term}")) is found


def test_an_id_is_searched_for(admin, tabby):
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
