"""Rate limits: a client above its limit is told when to retry, others are not affected."""

import re
import time

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from classify_app.accounts.tokens import create_token
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
from project import env
from project.env import Web
from project.refusals import Refusal
from tests.configuration import configured
from tests.records import PICTURE, answering
from tests.test_env import WEB

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("aws")]

API = "/api/v1/classifications"


@pytest.fixture(autouse=True)
def two_a_minute():
    with configured(RATE_LIMIT_UPLOADS_PER_MINUTE="2", RATE_LIMIT_OPEN_PER_MINUTE="2"):
        yield


def picture():
    return SimpleUploadedFile("cat.png", PICTURE)


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
