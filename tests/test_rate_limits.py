"""Rate limits: a client above its limit is told when to retry, others are not affected."""

import errno
import re
import time
from contextlib import contextmanager

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from classify_app.accounts.tokens import SCOPES, create_token
from classify_app.intake.backlog import Backlog
from classify_app.intake.rate_limits import (
    LOGINS_PER_ADDRESS_PER_MINUTE,
    LOGINS_PER_MINUTE,
    WINDOW_SECONDS,
    counts,
    limit_anonymous_uploads,
    limit_logins,
    limit_uploads,
)
from classify_app.models import Classification
from classify_app.results.completion import complete
from project import env
from project.aws import storage
from project.env import Web
from project.refusals import Refusal
from tests.configuration import configured
from tests.records import PICTURE, answering, done, missing_table, row
from tests.test_env import WEB
from tests.test_unavailable import failing

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("aws")]

API = "/api/v1/classifications"


@pytest.fixture(autouse=True)
def two_a_minute():
    with configured(RATE_LIMIT_UPLOADS_PER_MINUTE="2", RATE_LIMIT_OPEN_PER_MINUTE="2"):
        yield


def picture(content=PICTURE):
    return SimpleUploadedFile("cat.png", content)


def post(user):
    shown = {"Authorization": f"Bearer {create_token(user, 'a test', ['write'])[1]}"}
    return Client().post(API, {"file": picture()}, headers=shown)


def post_to_old_route(address, **headers):
    return Client(REMOTE_ADDR=address, headers=headers).post("/", {"myfile": picture()})


def seconds_in(response):
    return int(response["Retry-After"])


def test_a_user_above_the_limit_gets_a_problem_with_retry_after(user):
    assert [post(user).status_code for _ in range(2)] == [202, 202]
    response = post(user)
    assert (response.status_code, response.json()["type"]) == (429, "urn:problem:rate_limited")
    assert 0 < seconds_in(response) <= 60
    assert Classification.objects.count() == 2


def test_another_user_is_not_limited(user):
    for _ in range(3):
        post(user)
    assert post(User.objects.create_user("another")).status_code == 202


def test_the_form_accepts_pictures_up_to_the_limit_and_lists_the_others(user):
    client = Client()
    client.force_login(user)
    page = client.post("/upload/", {"pictures": [picture() for _ in range(4)]}, follow=True).text
    assert Classification.objects.count() == 2
    assert page.count("cat.png: At most 2 a minute are allowed; please try again in") == 2
    response = client.post("/upload/", {"pictures": [picture()]})
    assert (response.status_code, seconds_in(response) > 0) == (429, True)


def test_an_address_above_the_limit_without_a_token_gets_a_line():
    with answering():
        assert [post_to_old_route("192.0.2.1").status_code for _ in range(2)] == [200, 200]
    response = post_to_old_route("192.0.2.1")
    assert (response.status_code, response["Content-Type"]) == (429, "text/plain; charset=utf-8")
    assert re.fullmatch(r"At most 2 a minute .+", response.text)
    assert 0 < seconds_in(response) <= 60


def test_another_address_is_not_limited():
    with answering():
        for _ in range(3):
            post_to_old_route("192.0.2.2")
        assert post_to_old_route("192.0.2.3").status_code == 200


def test_a_forwarded_header_does_not_change_the_address():
    limit_anonymous_uploads("192.0.2.4")
    limit_anonymous_uploads("192.0.2.4")
    assert post_to_old_route("192.0.2.4", **{"X-Forwarded-For": "192.0.2.99"}).status_code == 429


@contextmanager
def s3_unavailable():
    with configured(INPUT_BUCKET="not a bucket's name"):
        yield


@contextmanager
def backlog_full():
    with configured(MAX_BACKLOG="1"):
        yield


def stored_row(owner):
    """Return a finished classification whose picture is stored."""
    one = row(owner=owner)
    storage.put_picture(one.input_key, PICTURE, "image/png", one.file_name)
    complete(done(one))
    return one


def senders(user):
    """Return for each door a function that sends a picture through it."""
    site, token = Client(), Client(headers={"Authorization": f"Bearer {create_token(user, 'all', SCOPES)[1]}"})
    site.force_login(user)
    again = stored_row(user).id
    return {
        "API": lambda content: token.post(API, {"file": picture(content)}),
        "re-run by the API": lambda _: token.post(f"{API}/{again}/rerun"),
        "form": lambda content: site.post("/upload/", {"pictures": [picture(content)]}),
        "re-run by its page": lambda _: site.post(f"/classifications/{again}/rerun/"),
        "synchronous, token": lambda content: token.post("/", {"myfile": picture(content)}),
        "synchronous, open": lambda content: Client().post("/postApi/image", {"myfile": picture(content)}),
    }


DOORS = ("API", "re-run by the API", "form", "re-run by its page", "synchronous, token", "synchronous, open")
UNAVAILABLE = {"S3": s3_unavailable, "database": missing_table, "backlog": backlog_full}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("unavailable", UNAVAILABLE)
def test_what_a_503_refuses_does_not_count(user, monkeypatch, door, unavailable):
    send = senders(user)[door]
    row()
    monkeypatch.setattr("classify_app.intake.submission.backlog", Backlog())
    with UNAVAILABLE[unavailable]():
        for _ in range(3):
            assert send(PICTURE).status_code in (503, 302)  # The page of a re-run shows the reason after a redirect.
    assert len(counts) == 0


@pytest.mark.parametrize("door", [door for door in DOORS if "re-run" not in door])
def test_a_bad_picture_counts(user, door):
    send = senders(user)[door]
    assert [send(b"no picture").status_code for _ in range(3)] == [415, 415, 429]


def test_pictures_of_a_form_that_a_503_refuses_leave_their_places_to_later_ones(user):
    client = Client()
    client.force_login(user)
    with s3_unavailable():
        assert client.post("/upload/", {"pictures": [picture() for _ in range(3)]}).status_code == 503
    client.post("/upload/", {"pictures": [picture() for _ in range(3)]})
    assert Classification.objects.count() == 2


def test_a_full_disk_does_not_count(user, monkeypatch):
    send = senders(user)["synchronous, token"]
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr("django.core.files.uploadhandler.MemoryFileUploadHandler.receive_data_chunk", failing(full))
    assert send(PICTURE).status_code == 503
    assert len(counts) == 0


def test_no_limit_is_no_limit(user):
    with configured(RATE_LIMIT_UPLOADS_PER_MINUTE="0"):
        for _ in range(1000):
            limit_uploads(user.id)  # raises where it is one too many


def test_the_largest_burst_of_the_existing_clients_passes():
    default = env.read(Web, WEB).rate_limit_open_per_minute
    with configured(RATE_LIMIT_OPEN_PER_MINUTE=str(default)):
        for _ in range(100):
            limit_anonymous_uploads("192.0.2.5")
        with pytest.raises(Refusal, match="a minute"):
            for _ in range(default):
                limit_anonymous_uploads("192.0.2.5")


def test_logins_for_a_name_are_limited_per_address(user):
    form = {"username": user.username, "password": "wrong"}
    assert {Client(REMOTE_ADDR="192.0.2.6").post("/login/", form).status_code for _ in range(LOGINS_PER_MINUTE)} == {
        200
    }
    form = {**form, "username": user.username.upper(), "next": "/history/"}
    response = Client(REMOTE_ADDR="192.0.2.6").post("/login/", form)
    assert (response.status_code, seconds_in(response) > 0) == (429, True)
    assert "please try again in" in response.text
    assert 'name="next" value="/history/"' in response.text
    assert Client(REMOTE_ADDR="192.0.2.7").post("/login/", form).status_code == 200


def test_an_address_does_not_try_names_without_end():
    for number in range(LOGINS_PER_ADDRESS_PER_MINUTE):
        limit_logins("192.0.2.8", f"name{number}")
    with pytest.raises(Refusal, match="a minute"):
        limit_logins("192.0.2.8", "another name")
    limit_logins("192.0.2.9", "another name")


def test_addresses_of_one_ipv6_network_count_as_one():
    for number in range(LOGINS_PER_ADDRESS_PER_MINUTE):
        limit_logins(f"2001:db8::{number:x}", f"name{number}")
    with pytest.raises(Refusal, match="a minute"):
        limit_logins("2001:db8::ffff", "another name")
    limit_logins("2001:db8:0:1::1", "another name")
    limit_logins("::ffff:192.0.2.8", "another name")


def test_what_is_older_than_a_minute_takes_no_memory(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for number in range(10_000):
        counts.hit(("login", str(number)), 1)
    assert len(counts) == 10_000
    now += WINDOW_SECONDS
    assert counts.hit(("login", "another"), 1) == 0
    assert len(counts) == 1


def test_a_refused_hit_is_not_counted_and_the_wait_is_exact(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    assert counts.hit(("a",), 2) == 0
    now += 10
    assert counts.hit(("a",), 2) == 0
    now += 20
    assert counts.hit(("a",), 2) == 30
    now += 30
    assert counts.hit(("a",), 2) == 0
