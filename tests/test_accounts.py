"""Accounts: pages need a login; users see their own data, change their password and create their tokens."""

import re
from urllib.parse import unquote
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from classify_app.accounts.tokens import create_token, digest
from classify_app.models import ApiToken, Classification
from classify_app.results.completion import complete
from tests.records import PICTURE, done, row

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "a passphrase of the tests"
ID = "018f3f5e-0000-7000-8000-000000000001"
PAGES = [
    "/",
    "/history/",
    f"/upload/{ID}/",
    f"/classifications/{ID}/",
    f"/classifications/{ID}/thumbnail.jpg",
    "/account/",
]


@pytest.fixture
def own(user: User) -> Client:
    """A browser of the user's."""
    user.set_password(PASSWORD)
    user.save()
    client = Client()
    client.force_login(user)
    return client


def log_in(username: str, password: str, next: str = "") -> object:
    return Client().post("/login/", {"username": username, "password": password, "next": next})


def make_token(client, **changes):
    return client.post("/account/", {"name": "a program", "scopes": ["read"], "last_day": "", **changes})


@pytest.mark.parametrize("address", [*PAGES, "/account/password/", "/admin/"])
def test_an_anonymous_user_is_redirected_to_the_login_and_back(address):
    response = Client().get(address, follow=True)
    assert unquote(response.redirect_chain[-1][0]) == f"/login/?next={address}"
    assert f'name="next" value="{address}"' in response.text


def test_an_upload_without_login_is_refused():
    response = Client().post("/upload/", {"pictures": SimpleUploadedFile("cat.png", PICTURE)})
    assert (response.status_code, response["Location"]) == (302, "/login/")
    assert not Classification.objects.exists()


def test_the_right_password_logs_in(own, user):
    assert log_in(user.username, PASSWORD)["Location"] == "/"
    assert log_in(user.username, PASSWORD, "/history/")["Location"] == "/history/"


def test_the_login_redirects_to_no_other_site(own, user):
    assert log_in(user.username, PASSWORD, "https://evil.example/")["Location"] == "/"


@pytest.mark.parametrize(("username", "password"), [("a user", "wrong"), ("nobody", "x"), ("\x00", "\x00"), ("", "")])
def test_a_wrong_password_is_refused(own, username, password):
    response = log_in(username, password)
    assert response.status_code == 200
    assert 'class="notice error"' in response.text


def test_logging_out_ends_the_session(own):
    assert own.post("/logout/")["Location"] == "/login/"
    assert own.get("/history/").status_code == 302


def test_a_get_request_does_not_log_out(own):
    assert own.get("/logout/").status_code == 405
    assert own.get("/history/").status_code == 200


def test_the_password_is_changed(own, user):
    form = {"old_password": PASSWORD, "new_password1": "another passphrase", "new_password2": "another passphrase"}
    assert "Your password has been changed." in own.post("/account/password/", form, follow=True).text
    assert log_in(user.username, "another passphrase").status_code == 302
    assert log_in(user.username, PASSWORD).status_code == 200


@pytest.mark.parametrize(
    ("old", "new"), [("wrong", "another passphrase"), (PASSWORD, "password"), (PASSWORD, "1234567890")]
)
def test_an_invalid_password_change_is_refused(own, user, old, new):
    own.post("/account/password/", {"old_password": old, "new_password1": new, "new_password2": new})
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_there_is_no_registration():
    assert Client().get("/register/").status_code == 404


@pytest.mark.usefixtures("aws")
def test_an_upload_belongs_to_its_user(own, user):
    response = own.post("/upload/", {"pictures": SimpleUploadedFile("cat.png", PICTURE)})
    assert Classification.objects.get().owner == user
    assert own.get(response["Location"]).status_code == 200


@pytest.mark.parametrize("address", ["/upload/{}/", "/classifications/{}/", "/classifications/{}/thumbnail.jpg"])
@pytest.mark.parametrize("owned", [True, False])
def test_another_users_classification_is_not_found(own, client, address, owned):
    id = uuid4()
    foreign = row(id=id, upload_id=id, file_name="foreign.png", owner=User.objects.create_user("b") if owned else None)
    complete(done(foreign))
    assert own.get(address.format(id)).status_code == 404
    assert "foreign.png" not in own.get("/history/").text
    assert client.get(address.format(id)).status_code == 200


def test_users_see_no_link_to_the_admin_and_staff_do(own, client):
    assert ['href="/admin/"' in one.get("/").text for one in (own, client)] == [False, True]


def test_the_admin_is_not_for_users(own):
    response = own.get("/admin/", follow=True)
    assert "has no access to that page" in response.text


def test_a_token_is_shown_once(own, user):
    response = make_token(own, scopes=["read", "write"])
    text = re.search(r'<code id="token">(.+)</code>', response.text)[1]
    token = ApiToken.objects.get()
    assert (token.user, token.digest, token.scopes) == (user, digest(text), ["read", "write"])
    assert "no-store" in response["Cache-Control"]
    assert text not in own.get("/account/").text


def test_a_token_can_expire(own):
    make_token(own, last_day="2999-12-31")
    assert "2999-12-31" in own.get("/account/").text


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"scopes": []},
        {"scopes": ["all"]},
        {"last_day": "2020-01-01"},
        {"last_day": "x"},
    ],
)
def test_an_invalid_token_is_not_created(own, changes):
    assert make_token(own, **changes).status_code == 422
    assert not ApiToken.objects.exists()


def test_a_token_is_revoked_by_its_user(own, user):
    token, _ = create_token(user, "a program", ["read"])
    assert "has been revoked" in own.post(f"/account/tokens/{token.id}/revoke/", follow=True).text
    token.refresh_from_db()
    assert token.state == "revoked"


def test_another_users_token_is_neither_shown_nor_revoked(own, client, staff):
    token, _ = create_token(staff, "of the staff", ["read"])
    assert "of the staff" not in own.get("/account/").text
    for id in (token.id, 10**30):
        assert own.post(f"/account/tokens/{id}/revoke/").status_code == 404
    token.refresh_from_db()
    assert token.state == "valid"


def test_the_admin_lists_and_revokes_tokens_and_shows_no_secret(admin_client, user):
    token, text = create_token(user, "a program", ["read"])
    address = "/admin/classify_app/apitoken/"
    shown = admin_client.get(address).text + admin_client.get(f"{address}{token.id}/change/").text
    assert "a program" in shown and text not in shown and token.digest not in shown
    assert (
        "1 revoked." in admin_client.post(address, {"action": "revoke", "_selected_action": token.id}, follow=True).text
    )
    token.refresh_from_db()
    assert token.state == "revoked"


def test_deleting_a_user_keeps_the_classifications_and_deletes_the_tokens(user):
    one, _ = row(owner=user), create_token(user, "a program", ["read"])
    user.delete()
    one.refresh_from_db()
    assert (one.owner, ApiToken.objects.count()) == (None, 0)
