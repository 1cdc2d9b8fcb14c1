"""The legacy synchronous routes: requests and responses of unmodified clients."""

import asyncio
import re

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient

from classify_app.models import Classification, State
from classify_app.results.waiting import waiter
from project import env
from tests.configuration import configured
from tests.records import PICTURE, answering, done, failed, finish, missing_table, requests, row

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("aws")]

ROUTES = ["/", "/postApi/image", "/postApi/image/"]
BOUNDARY = "xyz"


def part(field, name, content):
    """Return a part as the existing clients send it: with a file name, without a Content-Type."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n"


async def posting(*parts, to="/"):
    client = AsyncClient(enforce_csrf_checks=True)
    body = b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])
    return await client.post(to, body, content_type=f"multipart/form-data; boundary={BOUNDARY}")


def post(field="myfile", name="test_0.JPEG", content=PICTURE, to="/"):
    return async_to_sync(posting)(part(field, name, content), to=to)


def assert_one_line_of_text(response, status):
    assert response.status_code == status
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert len(response.text.splitlines()) == 1


@pytest.fixture
def short_wait():
    with configured(SYNC_WAIT_SECONDS="1"):
        yield


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("field", "body"), [("myfile", "bathtub"), ("inputFile", "test_0:bathtub")])
def test_a_picture_is_answered_with_its_label(route, field, body):
    with answering(lambda row: done(row, label="bathtub")):
        response = post(field, to=route)
    assert_one_line_of_text(response, 200)
    assert response.text == body


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("my cat, asleep.png", "my cat, asleep"),
        ("котик 猫 été.png", "котик 猫 été"),
        ("a.b.c.png", "a.b.c"),
        ("no extension", "no extension"),
        (".png", ".png"),
        ("../../etc/passwd.png", "passwd"),
        ("C:\\Users\\me\\cat.png", "cat"),
        ("a\tb\x07c.png", "abc"),
        ("%22quoted%22.png", "%22quoted%22"),
        ("n" * 300 + ".png", "n" * 251),
    ],
)
def test_any_file_name_is_answered_on_one_line(name, stem):
    with answering():
        response = post("inputFile", name)
    assert_one_line_of_text(response, 200)
    assert response.text == f"{stem}:tabby"


def test_the_same_name_twice_at_once_is_answered_twice():
    @async_to_sync
    async def two():
        return await asyncio.gather(*(posting(part("inputFile", "cat.png", PICTURE)) for _ in range(2)))

    with answering():
        assert [response.text for response in two()] == ["cat:tabby", "cat:tabby"]
    assert Classification.objects.count() == 2


@pytest.mark.postgresql
def test_of_many_at_once_each_gets_its_own_answer():
    @async_to_sync
    async def many():
        posts = (posting(part("inputFile", f"test_{number}.png", PICTURE)) for number in range(30))
        return await asyncio.gather(*posts)

    with answering(lambda row: done(row, label=f"label of {row.file_stem}")):
        answers = [response.text for response in many()]
    assert answers == [f"test_{number}:label of test_{number}" for number in range(30)]
    assert waiter.waiting == {}


def test_after_the_wait_the_response_is_504_with_the_id_and_the_work_continues(short_wait):
    response = post()
    queued = Classification.objects.get()
    assert_one_line_of_text(response, 504)
    assert str(queued.id) in response.text
    assert waiter.waiting == {}

    assert [request["id"] for request in requests()] == [str(queued.id)]
    finish(done(queued))
    queued.refresh_from_db()
    assert (queued.state, queued.label) == (State.DONE, "tabby")


def test_a_picture_that_fails_is_422_with_the_reason():
    with answering(failed):
        response = post()
    assert_one_line_of_text(response, 422)
    assert response.text == "The picture is truncated or broken."


@pytest.mark.parametrize(("content", "status"), [(b"not a picture", 415), (b"", 422), (bytes(10_000_001), 413)])
def test_a_picture_that_is_refused_is_answered_at_once(content, status):
    assert_one_line_of_text(post(content=content), status)
    assert not Classification.objects.exists()


def test_a_picture_in_another_field_is_refused_with_the_names_of_the_right_ones():
    response = post("picture")
    assert_one_line_of_text(response, 422)
    assert re.search("myfile.*inputFile", response.text)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        ("application/json", 415),
        ("application/x-www-form-urlencoded", 415),
    ],
)
def test_a_body_that_is_not_a_form_is_refused_with_a_line(content_type, status):
    response = async_to_sync(AsyncClient().post)("/", b"cat", content_type=content_type)
    assert_one_line_of_text(response, status)


def test_more_parts_than_a_form_may_have_are_refused_with_a_line():
    parts = [part(f"field{number}", "cat.png", b"x") for number in range(env.web().max_form_pictures + 1)]
    assert_one_line_of_text(async_to_sync(posting)(*parts), 400)


def test_while_the_database_fails_the_response_is_503_with_retry_after():
    with missing_table():
        response = post()
    assert_one_line_of_text(response, 503)
    assert int(response["Retry-After"]) > 0


@pytest.mark.parametrize("route", ROUTES[1:])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_post_is_allowed(route, method):
    @async_to_sync
    async def ask():
        return await AsyncClient().generic(method, route)

    response = ask()
    assert_one_line_of_text(response, 405)
    assert response["Allow"] == "POST"


def test_a_finished_row_keeps_the_users_file_name():
    with answering():
        post(name="my cat, asleep.png")
    assert Classification.objects.get().file_name == "my cat, asleep.png"


def test_another_requests_row_wakes_no_waiting_request(short_wait):
    other = row()
    finish(done(other))
    assert post().status_code == 504
