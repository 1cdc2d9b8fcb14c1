"""The ceiling on queued pictures: as many as it allows are taken, one more is refused before it is stored."""

import pytest
from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import AsyncClient

from classify_app.intake import backlog as counted
from classify_app.intake.backlog import Backlog
from classify_app.models import Classification
from classify_app.results.completion import complete
from project.refusals import Refusal
from tests.configuration import configured
from tests.records import PICTURE, done, requests, row
from tests.test_submission import stored_keys

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("aws"), pytest.mark.postgresql]

ALLOWED = 3


@pytest.fixture(autouse=True)
def ceiling(monkeypatch):
    """A process that has just started and may have three pictures queued."""
    monkeypatch.setattr("classify_app.intake.submission.backlog", Backlog())
    with configured(MAX_BACKLOG=str(ALLOWED)):
        yield


def picture(content=PICTURE):
    return SimpleUploadedFile("cat.png", content)


def post(client, content=PICTURE):
    return client.post("/api/v1/classifications", {"file": picture(content)})


def test_uploads_are_accepted_up_to_the_limit(client):
    assert [post(client).status_code for _ in range(ALLOWED + 1)] == [202] * ALLOWED + [503]
    assert Classification.objects.count() == len(requests()) == ALLOWED


def test_the_refusal_is_a_problem_that_says_when_to_try_again_and_nothing_is_stored(client):
    for _ in range(ALLOWED):
        row()
    before = stored_keys()
    response = post(client)
    assert (response.status_code, response.json()["type"]) == (503, "urn:problem:backlog_full")
    assert int(response["Retry-After"]) > 0
    assert stored_keys() == before


def test_the_synchronous_route_refuses_in_a_line():
    for _ in range(ALLOWED):
        row()
    response = async_to_sync(AsyncClient().post)("/", {"myfile": picture()})
    assert (response.status_code, response.text) == (503, "3 pictures are already waiting; please try again later.")
    assert int(response["Retry-After"]) > 0


def test_the_form_accepts_pictures_up_to_the_limit(client):
    for _ in range(ALLOWED - 1):
        row()
    page = client.post("/upload/", {"pictures": [picture(), picture()]}, follow=True).text
    assert Classification.objects.count() == ALLOWED
    assert page.count("3 pictures are already waiting") == 1


def test_finished_classifications_do_not_count(client):
    for _ in range(ALLOWED):
        complete(done(row()))
    assert post(client).status_code == 202


def test_a_refused_picture_does_not_count(client):
    for _ in range(ALLOWED):
        assert post(client, b"no picture").status_code == 415
    assert post(client).status_code == 202


def test_results_free_places(monkeypatch):
    rows, backlog = [row() for _ in range(ALLOWED)], Backlog()
    with pytest.raises(Refusal, match="already waiting"):
        backlog.reserve()
    complete(done(rows[0]))
    with pytest.raises(Refusal, match="already waiting"):
        backlog.reserve()  # counted a moment ago
    monkeypatch.setattr(counted, "COUNT_SECONDS", 0)
    backlog.reserve()
