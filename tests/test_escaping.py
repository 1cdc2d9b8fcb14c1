"""Names and labels that would be scripts if anybody believed them: shown as they are written, on every page."""

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.html import escape

from classify_app.accounts.tokens import create_token
from classify_app.models import Classification
from classify_app.results.completion import complete
from project.contract import Prediction
from tests.records import PICTURE, done, failed, row

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

HOSTILE = "<script>alert(1)</script>\"'"
PAGES = [
    "/history/",
    "/classifications/{id}/",
    "/upload/{upload_id}/",
    "/admin/",
    "/admin/classify_app/classification/",
    "/admin/classify_app/classification/?label=x",
    "/admin/classify_app/classification/{id}/change/",
    "/admin/classify_app/classification/{id}/history/",
]


@pytest.fixture
def hostile(db: None) -> Classification:
    """A row whose every text is hostile: the upload's, and those of a record that no honest worker wrote."""
    one = row(file_name=HOSTILE, upload_id="018f3f5e-0000-7000-8000-000000000001")
    complete(
        done(one, label=HOSTILE, model=HOSTILE, weights=HOSTILE, top5=(Prediction(HOSTILE, 1, 0.5),), worker=HOSTILE)
    )
    return one


def assert_harmless(page: str) -> None:
    assert "<script>alert" not in page
    assert "alert(1)</script>" not in page
    assert HOSTILE not in page


@pytest.mark.parametrize("address", PAGES)
def test_a_hostile_name_and_label_are_escaped_on_every_page(admin_client, hostile, address):
    response = admin_client.get(address.format(id=hostile.id, upload_id=hostile.upload_id), follow=True)
    assert response.status_code == 200
    assert_harmless(response.text)


@pytest.mark.parametrize("address", PAGES[:3] + PAGES[4:5])
def test_names_and_labels_are_shown_unchanged(admin_client, hostile, address):
    assert escape(HOSTILE) in admin_client.get(address.format(id=hostile.id, upload_id=hostile.upload_id)).text


@pytest.mark.parametrize("address", PAGES)
def test_a_hostile_reason_is_escaped(admin_client, address):
    one = row(upload_id="018f3f5e-0000-7000-8000-000000000001")
    complete(failed(one, error=HOSTILE, error_code=HOSTILE))
    assert_harmless(admin_client.get(address.format(id=one.id, upload_id=one.upload_id), follow=True).text)


def test_a_hostile_name_in_a_refusal_is_escaped(client):
    file = SimpleUploadedFile(HOSTILE.replace("/", "&sol;"), b"no picture")
    assert_harmless(client.post("/upload/", {"pictures": file}).text)


def test_a_hostile_search_is_escaped(admin_client, hostile):
    assert_harmless(admin_client.get("/admin/classify_app/classification/", {"q": HOSTILE, "label": HOSTILE}).text)


def test_a_hostile_user_and_token_are_escaped(admin_client):
    user = User.objects.create_user(HOSTILE)
    token, _ = create_token(user, HOSTILE, ["read"])
    row(owner=user)
    addresses = ["classification/", "apitoken/", f"apitoken/{token.id}/change/", f"apitoken/{token.id}/delete/"]
    for address in addresses:
        assert_harmless(admin_client.get(f"/admin/classify_app/{address}").text)


def test_a_hostile_users_own_pages_are_escaped(client):
    user = User.objects.create_user(HOSTILE)
    token, _ = create_token(user, HOSTILE, ["read"])
    client.force_login(user)
    assert_harmless(client.get("/account/").text)
    assert_harmless(client.post("/account/", {"name": HOSTILE, "scopes": [HOSTILE]}).text)
    assert_harmless(client.post(f"/account/tokens/{token.id}/revoke/", follow=True).text)


def test_a_hostile_login_is_escaped(client):
    page = client.post("/login/", {"username": HOSTILE, "password": HOSTILE, "next": HOSTILE}).text
    assert_harmless(page)


@pytest.mark.usefixtures("aws")
def test_the_api_responds_with_json_that_browsers_do_not_render(client):
    file = SimpleUploadedFile("<img src=x>.png", PICTURE)
    response = client.post("/api/v1/classifications", {"file": file})
    assert response["Content-Type"].startswith("application/json")
    assert response["X-Content-Type-Options"] == "nosniff"
