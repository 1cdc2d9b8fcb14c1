"""The picture of a classification: downloaded as long as S3 has it, and a sentence once it is gone."""

import httpx
import pytest
from django.test import Client
from django.urls import reverse

from classify_app.models import DEAD_LETTER, State
from classify_app.results.completion import complete
from infra.local import faults
from project import contract, env
from project.aws import storage
from project.aws.clients import s3
from tests.records import PICTURE, done, row

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("aws")]


def address(one):
    return reverse("picture", args=[one.id])


def admin_address(one):
    return reverse("admin:classify_app_classification_change", args=[one.id])


@pytest.fixture
def finished():
    """A finished classification whose picture is stored."""
    one = row(file_name="my cat.png")
    storage.put_picture(one.input_key, PICTURE, "image/png", one.file_name)
    complete(done(one))
    one.refresh_from_db()
    return one


@pytest.fixture
def gone(finished):
    s3().delete_object(Bucket=env.aws().input_bucket, Key=finished.input_key)
    return finished


def test_a_stored_picture_is_downloaded_from_s3(client, finished):
    answer = client.get(address(finished))
    assert answer.status_code == 302
    stored = httpx.get(answer["Location"])
    assert (stored.content, stored.headers["Content-Disposition"]) == (PICTURE, "attachment")


def test_a_picture_that_is_gone_says_so(client, gone):
    answer = client.get(address(gone))
    assert answer.status_code == 410
    assert "The picture is no longer in the input bucket" in answer.text


def test_its_page_and_its_admin_link_to_it(admin_client, finished):
    for page in (finished.get_absolute_url(), admin_address(finished)):
        assert f'href="{address(finished)}"' in admin_client.get(page).text


def test_the_admin_links_to_no_record_where_none_was_stored(admin_client):
    dead = row(state=State.FAILED, error_code=DEAD_LETTER)
    assert contract.record_key(str(dead.id)) not in admin_client.get(admin_address(dead)).text


def test_it_is_shown_to_nobody_else(finished, user):
    client = Client()
    assert client.get(address(finished))["Location"].startswith(reverse("login"))
    client.force_login(user)
    assert client.get(address(finished)).status_code == 404


def test_while_s3_fails_the_page_asks_to_try_again(proxied, client, finished):
    proxied.fault = faults.Fault("denied", service="s3")
    answer = client.get(address(finished))
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
