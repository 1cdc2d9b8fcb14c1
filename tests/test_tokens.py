"""API tokens: a token allows what its scopes say on its user's data, until it is revoked."""

import re
from datetime import date, timedelta

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.test import AsyncClient, Client
from django.utils import timezone

from classify_app.accounts.tokens import create_token, digest, revoke
from classify_app.models import ApiToken, Classification, visible_to
from classify_app.results.completion import complete
from classify_app.threads import THREADS, database_threads
from tests.configuration import configured
from tests.records import PICTURE, answering, done, row

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("aws"), pytest.mark.postgresql]

API = "/api/v1/classifications"


@pytest.fixture
def program() -> Client:
    """A client that has no session, and enforces what a browser's requests need."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def closed_routes():
    with configured(OPEN_SYNCHRONOUS_ROUTES="0"):
        yield


def token_of(user, *scopes, **options):
    return create_token(user, "a test", list(scopes) or ["read", "write"], **options)[1]


def bearer(text):
    return {"Authorization": f"Bearer {text}"}


def picture():
    return SimpleUploadedFile("cat.png", PICTURE)


def post_to_old_route(**headers):
    return async_to_sync(AsyncClient().post)("/", {"myfile": picture()}, headers=headers)


def assert_problem(response, status, code):
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["type"] == f"urn:problem:{code}"


def test_an_upload_with_a_token_belongs_to_its_user(program, user):
    response = program.post(API, {"file": picture()}, headers=bearer(token_of(user)))
    assert response.status_code == 202
    assert Classification.objects.get().owner == user


def test_a_wait_with_a_token_is_answered(program, user):
    with answering():
        response = program.post(API, {"file": picture()}, headers={**bearer(token_of(user)), "Prefer": "wait=10"})
    assert (response.status_code, response.json()["label"]) == (200, "tabby")


@pytest.mark.parametrize("method", ["get", "post"])
def test_without_a_token_the_api_names_the_expected_header(program, method):
    response = getattr(program, method)(API)
    assert_problem(response, 401, "unauthenticated")
    assert response["WWW-Authenticate"] == "Bearer"
    assert "Bearer" in response.json()["detail"]


@pytest.mark.parametrize(
    "header",
    ["Bearer unknown", "Bearer ", "Bearer", "", "Basic YTpi", "unknown", "Bearer \xff\x00", "Bearer " + "x" * 9000],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_invalid_token_is_refused(program, user, header, method):
    program.force_login(user)
    assert_problem(getattr(program, method)(API, headers={"Authorization": header}), 401, "unauthenticated")


@pytest.mark.parametrize(("scope", "method"), [("read", "post"), ("write", "get")])
def test_a_token_is_limited_to_its_scope(program, user, scope, method):
    response = getattr(program, method)(API, headers=bearer(token_of(user, scope)))
    assert_problem(response, 403, "scope")


def test_a_token_that_may_only_write_does_not_wait_for_a_result(program, user):
    headers = bearer(token_of(user, "write"))
    assert_problem(program.post(API, {"file": picture()}, headers={**headers, "Prefer": "wait=1"}), 403, "scope")
    assert not Classification.objects.exists()
    answer = program.post(API, {"file": picture()}, headers=headers)
    assert (answer.status_code, answer.json()["label"]) == (202, None)


def test_a_token_that_may_only_write_does_not_rerun_what_others_sent(program, user):
    done_one = row(owner=user)
    complete(done(done_one))
    response = program.post(f"{API}/{done_one.id}/rerun", headers=bearer(token_of(user, "write")))
    assert_problem(response, 403, "scope")
    assert Classification.objects.count() == 1


def test_a_revoked_token_is_refused(program, user):
    text = token_of(user)
    assert revoke(ApiToken.objects.all()) == 1
    assert_problem(program.get(API, headers=bearer(text)), 401, "unauthenticated")
    assert revoke(ApiToken.objects.all()) == 0


@pytest.mark.parametrize(("days", "status"), [(-1, 401), (0, 200), (1, 200)])
def test_a_token_is_valid_to_the_end_of_its_last_day(program, user, days, status):
    text = token_of(user, last_day=timezone.now().date() + timedelta(days=days))
    assert program.get(API, headers=bearer(text)).status_code == status


def test_the_token_of_an_inactive_user_is_refused(program, user):
    text = token_of(user)
    User.objects.update(is_active=False)
    assert_problem(program.get(API, headers=bearer(text)), 401, "unauthenticated")


def test_only_the_digest_is_stored(user):
    text = token_of(user)
    kept = ApiToken.objects.values().get()
    assert kept["digest"] == digest(text)
    assert text not in str(kept)
    assert kept["beginning"] == text[:8]


def test_the_last_use_is_stored_once_an_hour(program, user):
    text = token_of(user)
    assert ApiToken.objects.get().last_used_at is None
    program.get(API, headers=bearer(text))
    noted = ApiToken.objects.get().last_used_at
    program.get(API, headers=bearer(text))
    assert noted is not None and ApiToken.objects.get().last_used_at == noted
    ApiToken.objects.update(last_used_at=noted - timedelta(hours=2))
    program.get(API, headers=bearer(text))
    assert ApiToken.objects.get().last_used_at >= noted


def test_a_token_lookup_releases_its_pooled_connection(program, user):
    program.post(API, {"file": picture()}, headers=bearer(token_of(user)))
    left = [database_threads.submit(lambda: connections["default"].connection).result() for _ in range(THREADS)]
    # To SQLite each thread keeps its own, since there is no pool that anybody else would need it from.
    assert [one for one in left if one is not None and connection.vendor != "sqlite"] == []


def test_a_session_with_the_csrf_token_is_accepted_too(user, program):
    program.force_login(user)
    assert program.get(API).status_code == 200
    assert_problem(program.post(API, {"file": picture()}), 403, "csrf")
    csrf = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', program.get("/").text)[1]
    response = program.post(API, {"file": picture()}, headers={"X-CSRFToken": csrf})
    assert (response.status_code, Classification.objects.get().owner) == (202, user)


def test_each_user_sees_their_own_and_staff_see_all(program, user, staff):
    other = User.objects.create_user("another")
    own, foreign, nobodys = row(owner=user), row(owner=other), row()
    seen = {one.username: set(visible_to(one).values_list("id", flat=True)) for one in (user, other, staff)}
    assert list(seen.values()) == [{own.id}, {foreign.id}, {own.id, foreign.id, nobodys.id}]
    listed = program.get(API, headers=bearer(token_of(user))).json()["results"]
    assert [resource["id"] for resource in listed] == [str(own.id)]


def test_another_users_classification_is_unknown_to_the_api(program, user):
    for foreign in (row(owner=User.objects.create_user("another")), row()):
        assert_problem(program.get(f"{API}/{foreign.id}", headers=bearer(token_of(user))), 404, "not_found")


@pytest.mark.usefixtures("closed_routes")
def test_the_synchronous_routes_are_closed_without_a_token(user):
    response = post_to_old_route()
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
    assert len(response.text.splitlines()) == 1
    assert not Classification.objects.exists()


@pytest.mark.usefixtures("closed_routes")
def test_the_synchronous_routes_accept_a_token(user):
    with answering():
        response = post_to_old_route(**bearer(token_of(user, "read", "write")))
    assert (response.status_code, response.text) == (200, "tabby")
    assert Classification.objects.get().owner == user


@pytest.mark.parametrize(("scope", "missing"), [("read", "write"), ("write", "read")])
def test_the_synchronous_routes_need_both_scopes(user, scope, missing):
    response = post_to_old_route(**bearer(token_of(user, scope)))
    assert (response.status_code, response.text) == (403, f"The token does not have the scope {missing}.")
    assert not Classification.objects.exists()


def test_an_open_route_refuses_a_wrong_token_and_accepts_none():
    assert post_to_old_route(**bearer("wrong")).status_code == 401
    with answering():
        assert post_to_old_route().text == "tabby"
    assert Classification.objects.get().owner is None


def test_the_command_prints_a_token_that_works(program, user, capsys):
    call_command("create_token", user.username, "--name=a program", "--scope=read")
    text = capsys.readouterr().out.strip()
    assert program.get(API, headers=bearer(text)).status_code == 200
    token = ApiToken.objects.get()
    assert (token.user, token.name, token.scopes, token.expires_at) == (user, "a program", ["read"], None)


def test_the_command_replaces_a_token_of_the_same_name(user):
    for _ in range(2):
        call_command("create_token", user.username, "--name=a program", "--scope=read", "--replace")
    assert [token.state for token in ApiToken.objects.all()] == ["valid", "revoked"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nobody", "--name=x", "--scope=read"], "There is no user 'nobody'"),
        (["a user", f"--name={'x' * 101}", "--scope=read"], "at most 100 characters"),
        (["a user", "--name=x"], "--scope"),
        (["a user", "--name=x", "--scope=all"], "invalid choice"),
        (["a user", "--name=x", "--scope=read", "--last-day=soon"], "invalid"),
    ],
)
def test_the_command_explains_a_refusal(user, arguments, reason):
    with pytest.raises(CommandError, match=reason):
        call_command("create_token", *arguments)
    assert not ApiToken.objects.exists()


def test_the_last_possible_day_is_accepted(user):
    assert token_of(user, last_day=date.max)
    assert ApiToken.objects.get().state == "valid"
