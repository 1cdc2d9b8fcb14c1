"""The site's pages, as a browser without JavaScript sees them."""

import re
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils.html import escape

from classify_app.models import Classification
from classify_app.pages.views import PAGE_SIZE
from classify_app.results.completion import complete
from project import env
from tests.records import PICTURE, THUMBNAIL, TOP5, done, failed, missing_table, row

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("aws")]

REFRESH = '<noscript><meta http-equiv="refresh" content="2"></noscript>'


def picture(name="cat.png", content=PICTURE):
    return SimpleUploadedFile(name, content)


def upload(client, *pictures):
    return client.post("/upload/", {"pictures": list(pictures)})


def finished(**changes):
    one = row()
    complete(done(one, **changes))
    return one


def test_the_form_shows_the_limits(client):
    page = client.get("/").text
    assert 'method="post" action="/upload/" enctype="multipart/form-data"' in page
    assert re.search(r'<input type="file" name="pictures"[^>]* multiple', page)
    assert "JPEG, PNG, WEBP, GIF, BMP" in page
    assert "100 pictures at a time" in page


def test_the_form_is_refused_without_its_token():
    response = upload(Client(enforce_csrf_checks=True), picture())
    assert response.status_code == 403
    assert "security token" in response.text
    assert not Classification.objects.exists()


def test_the_form_is_accepted_with_its_token(client):
    client.handler.enforce_csrf_checks = True
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get("/").text)[1]
    response = client.post("/upload/", {"pictures": picture(), "csrfmiddlewaretoken": token})
    assert response.status_code == 302


def test_the_results_page_refreshes_until_the_picture_is_done(client):
    response = upload(client, picture())
    queued = Classification.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/upload/{queued.upload_id}/")

    waiting = client.get(response["Location"]).text
    assert REFRESH in waiting
    assert "0 of 1 classified" in waiting

    complete(done(queued))
    page = client.get(response["Location"]).text
    assert "http-equiv" not in page
    assert re.search(r"tabby\s+<span[^>]*>70.0%", page)
    for prediction in TOP5:
        assert prediction.label in page
    assert f'src="/classifications/{queued.id}/thumbnail.jpg"' in page


def test_many_pictures_share_a_page_in_the_order_they_were_chosen(client):
    names = ["c.png", "a.png", "b.png"]
    response = upload(client, *(picture(name) for name in names))
    first = Classification.objects.order_by("id").first()
    complete(failed(first))

    page = client.get(response["Location"]).text
    assert re.findall(r'class="file"><a [^>]*>([^<]*)<', page) == names
    assert "1 of 3 classified" in page
    assert "The picture is truncated or broken." in page
    assert REFRESH in page


def test_refused_pictures_are_listed_with_the_reason_and_the_others_are_classified(client):
    response = upload(client, picture("good.png"), picture("notes.txt", b"no picture"), picture("empty.png", b""))
    page = client.get(response["Location"]).text
    assert Classification.objects.get().file_name == "good.png"
    assert "notes.txt: The file is not a picture of a known format" in page
    assert "empty.png: The file is empty." in page


def test_if_all_pictures_are_refused_the_form_shows_the_reason(client):
    response = upload(client, picture("notes.txt", b"no picture"))
    assert response.status_code == 415
    assert "notes.txt: The file is not a picture of a known format" in response.text
    assert 'name="pictures"' in response.text


def test_without_a_file_the_form_asks_for_one(client):
    response = client.post("/upload/", {})
    assert response.status_code == 422
    assert "Choose at least one picture." in response.text


def test_more_pictures_than_allowed_are_refused_with_a_page(client):
    response = upload(client, *(picture() for _ in range(env.web().max_form_pictures + 1)))
    assert response.status_code == 400
    assert "more pictures than one upload allows" in response.text


def test_while_the_database_fails_the_form_asks_to_try_again(client):
    with missing_table():
        response = upload(client, picture())
    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
    assert "cat.png: The picture could not be registered; please try again." in response.text


def test_an_empty_history_links_to_the_upload(client):
    page = client.get("/history/").text
    assert "Nothing has been classified yet." in page
    assert 'rel="next"' not in page


def test_the_history_shows_the_newest_first_page_by_page(client):
    newest_first = [row(file_name=f"{number}.png") for number in range(PAGE_SIZE + 1)][::-1]
    first = client.get("/history/").text
    older = f"?page=older-{newest_first[PAGE_SIZE - 1].id}"
    second = client.get(f"/history/{older}").text
    found = [re.findall(r'class="file"><a [^>]*>([^<]*)<', page) for page in (first, second)]
    names = [one.file_name for one in newest_first]
    assert found == [names[:PAGE_SIZE], names[PAGE_SIZE:]]
    assert f'rel="next" href="{older}"' in first
    assert 'rel="prev"' not in first
    assert f'rel="prev" href="?page=newer-{newest_first[-1].id}"' in second
    assert 'rel="next"' not in second


@pytest.mark.parametrize("cursor", ["2", "-1", "cat", "older-cat", ""])
def test_an_unknown_page_of_the_history_is_the_newest(client, cursor):
    row(file_name="newest.png")
    assert "newest.png" in client.get("/history/", {"page": cursor}).text


def test_a_classification_has_a_page_that_refreshes_until_it_is_done(client):
    queued = row()
    assert REFRESH in client.get(queued.get_absolute_url()).text
    complete(done(queued))
    page = client.get(queued.get_absolute_url()).text
    assert "http-equiv" not in page
    for fact in (str(queued.id), "tabby", "70.0%", "resnet50, weights IMAGENET1K_V2", "2026-01-01 00:00:01 UTC"):
        assert fact in page


def test_a_failed_classification_says_why(client):
    one = row()
    complete(failed(one))
    page = client.get(one.get_absolute_url()).text
    assert "The picture is truncated or broken." in page
    assert '<img src="/classifications' not in page


def test_a_thumbnail_is_a_jpeg_and_nothing_else(client):
    response = client.get(f"/classifications/{finished().id}/thumbnail.jpg")
    assert response.content == THUMBNAIL
    assert response["Content-Type"] == "image/jpeg"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in response["Cache-Control"]


def test_a_queued_picture_has_no_thumbnail_and_the_404_is_not_cached(client):
    response = client.get(f"/classifications/{row().id}/thumbnail.jpg")
    assert response.status_code == 404
    assert "immutable" not in response.get("Cache-Control", "")


@pytest.mark.parametrize("address", ["/history/", "page"])
def test_hostile_names_and_labels_are_shown_and_never_run(client, address):
    hostile = "<img src=x onerror=alert(1)>\"'&amp;"
    one = row(file_name=hostile)
    complete(done(one, label=hostile, model=hostile, weights=hostile))
    page = client.get(one.get_absolute_url() if address == "page" else address).text
    assert escape(hostile) in page
    assert "<img src=x" not in page


def test_a_hostile_name_in_a_refusal_is_shown_and_never_run(client):
    page = upload(client, picture("<img src=x onerror=alert(1)>.txt", b"no picture")).text
    assert "&lt;img src=x onerror=alert(1)&gt;.txt" in page
    assert "<img src=x" not in page


def test_the_history_shows_the_model_of_each_picture(client):
    complete(done(row(), model="efficientnet-lite0", fallback=True))
    complete(done(row()))
    text = client.get("/history/").text
    assert "by resnet50, IMAGENET1K_V2" in text
    assert text.count("(the fallback model)") == 1


def test_the_pages_warn_of_the_fallback_model(client):
    one = row(upload_id=uuid4())
    complete(done(one, model="efficientnet-lite0", fallback=True))
    for address in (one.get_absolute_url(), f"/upload/{one.upload_id}/"):
        assert "Classified by the fallback model efficientnet-lite0" in client.get(address).text


def test_the_pages_do_not_warn_of_the_configured_model(client):
    assert "fallback" not in client.get(finished().get_absolute_url()).text


@pytest.mark.parametrize(
    "address",
    [
        "/nowhere/",
        "/upload/018f3f5e-0000-7000-8000-000000000001/",
        "/classifications/018f3f5e-0000-7000-8000-000000000001/",
        "/classifications/018f3f5e-0000-7000-8000-000000000001/thumbnail.jpg",
    ],
)
def test_an_unknown_address_shows_a_not_found_page(client, address):
    response = client.get(address)
    assert response.status_code == 404
    assert "There is nothing at this address." in response.text


@pytest.mark.parametrize("address", ["/", "/history/", "/upload/"])
def test_other_methods_are_not_allowed(client, address):
    assert client.delete(address).status_code == 405
