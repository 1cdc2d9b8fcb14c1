"""Reruns: a stored picture is classified again under a new id, from the API and from its page."""

import re

import pytest
from django.test import Client

from classify_app.intake.submission import rerun
from classify_app.models import Classification, State
from classify_app.results.completion import complete
from project import contract, env
from project.aws import storage
from project.aws.clients import s3
from project.refusals import Refusal
from tests.configuration import configured
from tests.records import PICTURE, answering, done, failed, missing_table, requests, row

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("aws"), pytest.mark.postgresql]

UNKNOWN = "018f3f5e-0000-7000-8000-000000000001"


@pytest.fixture
def original():
    """A finished classification whose picture is stored."""
    one = row(file_name="my cat.png")
    storage.put_picture(one.input_key, PICTURE, "image/png", one.file_name)
    complete(failed(one))
    one.refresh_from_db()
    return one


@pytest.fixture
def gone(original):
    s3().delete_object(Bucket=env.aws().input_bucket, Key=original.input_key)
    return original


def address(id):
    return f"/api/v1/classifications/{id}/rerun"


def test_the_picture_is_queued_again_under_an_id_of_its_own(original):
    again = rerun(original)
    assert requests() == [contract.Request(str(again.id), original.input_key).arguments()]
    again.refresh_from_db()
    assert again.id != original.id
    assert (again.rerun_of, again.state, again.error_code, again.finished_at) == (original, State.QUEUED, "", None)
    assert again.submitted_at is not None
    for name in ("file_name", "input_key", "format", "width", "height", "bytes"):
        assert getattr(again, name) == getattr(original, name)


def test_a_reruns_result_does_not_change_the_original(original):
    again = rerun(original)
    assert complete(done(again))
    original.refresh_from_db()
    again.refresh_from_db()
    assert (original.state, again.state) == (State.FAILED, State.DONE)


def test_a_rerun_outlives_its_original(original):
    again = rerun(original)
    original.delete()
    again.refresh_from_db()
    assert again.rerun_of is None


def test_a_rerun_can_be_run_again(original):
    again = rerun(rerun(original))
    assert (again.input_key, again.rerun_of.rerun_of) == (original.input_key, original)


def test_without_its_picture_there_is_no_rerun(gone):
    with pytest.raises(Refusal, match="The picture is no longer in the input bucket"):
        rerun(gone)
    assert (Classification.objects.count(), requests()) == (1, [])


def test_while_the_database_fails_there_is_no_rerun(original):
    with missing_table(), pytest.raises(Refusal, match="registered"):
        rerun(original)
    assert requests() == []


def test_the_api_answers_as_to_a_new_picture(client, original):
    response = client.post(address(original.id))
    resource = response.json()
    assert response.status_code == 202
    assert response["Location"] == resource["url"] == f"/api/v1/classifications/{resource['id']}"
    assert (resource["state"], resource["file_name"], resource["rerun_of"]) == (
        "queued",
        "my cat.png",
        str(original.id),
    )
    assert client.get(f"/api/v1/classifications/{original.id}").json()["rerun_of"] is None


def test_the_api_waits_for_the_result_when_asked_to(client, original):
    with answering():
        response = client.post(address(original.id), headers={"prefer": "wait=4"})
    assert (response.status_code, response["Preference-Applied"]) == (200, "wait=4")
    assert response.json()["label"] == "tabby"


@pytest.mark.parametrize(("id", "status"), [(UNKNOWN, 404), ("cat", 422)])
def test_the_api_refuses_an_unknown_classification(client, id, status):
    response = client.post(address(id))
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")


def test_the_api_refuses_a_rerun_without_the_picture(client, gone):
    response = client.post(address(gone.id))
    assert (response.status_code, response["Content-Type"]) == (409, "application/problem+json")
    assert response.json()["type"] == "urn:problem:picture_gone"
    assert response.json()["detail"].startswith("The picture is no longer in the input bucket")


def test_the_api_asks_to_try_again_if_s3_fails(client, original):
    with configured(INPUT_BUCKET="not a bucket's name"):
        response = client.post(address(original.id))
    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0


def test_a_finished_classifications_page_offers_a_rerun(original, staff):
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)
    page = client.get(original.get_absolute_url()).text
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
    response = client.post(f"/classifications/{original.id}/rerun/", {"csrfmiddlewaretoken": token})
    again = Classification.objects.get(rerun_of=original)
    assert (response.status_code, response["Location"]) == (302, again.get_absolute_url())
    assert original.get_absolute_url() in client.get(again.get_absolute_url()).text


def test_a_queued_classifications_page_offers_no_rerun(client):
    assert "Classify again" not in client.get(row().get_absolute_url()).text


def test_a_rerun_needs_post_and_the_csrf_token(client, original):
    assert Client(enforce_csrf_checks=True).post(f"/classifications/{original.id}/rerun/").status_code == 403
    assert client.get(f"/classifications/{original.id}/rerun/").status_code == 405
    assert Classification.objects.count() == 1


def test_the_page_shows_why_a_rerun_is_refused(client, gone):
    page = client.post(f"/classifications/{gone.id}/rerun/", follow=True).text
    assert "The picture is no longer in the input bucket" in page


def test_an_unknown_classification_has_no_rerun(client):
    assert client.post(f"/classifications/{UNKNOWN}/rerun/").status_code == 404
