"""Bad input is refused with the reason, and odd but good input is accepted."""

import re

import pytest
from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import AsyncClient

from classify_app.models import Classification
from project import env
from project.aws import storage
from tests import pictures
from tests.records import PICTURE, answering, failed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("aws")]

ALLOWED_FORMATS = "allowed are JPEG, PNG, WEBP, GIF, BMP."
REFUSED = {
    "empty": (pictures.empty, 422, "The file is empty."),
    "text": (pictures.text, 415, ALLOWED_FORMATS),
    "another format": (pictures.tiff, 415, ALLOWED_FORMATS),
    "a program": (lambda: b"\x7fELF" + bytes(100), 415, ALLOWED_FORMATS),
    "a vector graphic": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', 415, ALLOWED_FORMATS),
    "PostScript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 415, ALLOWED_FORMATS),
    "magic bytes alone": (lambda: b"\xff\xd8\xff", 415, ALLOWED_FORMATS),
    "half a header": (lambda: pictures.png()[:20], 422, "The picture is truncated or broken."),
    "too many bytes": (lambda: bytes(10_000_001), 413, "10,000,001 bytes; at most 10,000,000 are allowed."),
    "too many pixels": (lambda: pictures.of_pixels(10_000, 5_001), 422, "at most 50,000,000 are allowed."),
    "too many scans": (pictures.of_many_scans, 422, "stored in more than 100 scans."),
    "a bomb": (pictures.bomb, 422, "13000 x 13000 = 169,000,000 pixels; at most 50,000,000 are allowed."),
    "a bomb that lies": (pictures.huge_header, 422, "at most 50,000,000 are allowed."),
}
ONLY_DECODING_SHOWS = {"truncated": pictures.truncated, "broken inside": pictures.corrupt_middle}
NAMES = {
    "../../etc/passwd": "passwd",
    "C:\\Windows\\cat.png": "cat.png",
    "a\x00b\x1b[31m\tc.png": "ab[31mc.png",
    "n" * 300 + ".png": "n" * 251 + ".png",
    "猫" * 250 + ".png": "猫" * 221 + ".png",
    "кот, 猫 & été.png": "кот, 猫 & été.png",
    "right-to-left \u202egnp.exe": "right-to-left gnp.exe",
    "été.png".encode("latin-1"): "_t_.png",
}
DOORS = {
    "API": ("/api/v1/classifications", "file"),
    "form": ("/upload/", "pictures"),
    "root": ("/", "myfile"),
    "old route": ("/postApi/image", "inputFile"),
}
through_each_door = pytest.mark.parametrize(("address", "field"), DOORS.values(), ids=DOORS)


def post(client, content):
    return client.post("/api/v1/classifications", {"file": SimpleUploadedFile("cat.png", content)})


def post_and_wait(content):
    return async_to_sync(AsyncClient().post)("/", {"myfile": SimpleUploadedFile("cat.png", content)})


def post_under_a_name(client, name, to="/api/v1/classifications", field="file"):
    """Post a picture under a name of text or bytes as it is, which Django's test client would tidy."""
    name = name if isinstance(name, bytes) else name.encode()
    head = b'--xyz\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n' % (field.encode(), name)
    body = head + PICTURE + b"\r\n--xyz--\r\n"
    return client.post(to, body, content_type="multipart/form-data; boundary=xyz")


@pytest.mark.parametrize("make", pictures.GOOD.values(), ids=pictures.GOOD)
def test_a_good_picture_is_accepted_however_odd(client, make):
    assert post(client, make()).status_code == 202


@pytest.mark.parametrize("make", ONLY_DECODING_SHOWS.values(), ids=ONLY_DECODING_SHOWS)
def test_errors_that_only_decoding_finds_are_left_to_the_worker(client, make):
    assert post(client, make()).status_code == 202


@pytest.mark.parametrize(("make", "status", "reason"), REFUSED.values(), ids=REFUSED)
def test_errors_in_the_header_are_refused_with_the_reason(client, make, status, reason):
    response = post(client, make())
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["detail"].endswith(reason)
    assert not Classification.objects.exists()


@pytest.mark.parametrize(("make", "status", "reason"), REFUSED.values(), ids=REFUSED)
def test_the_synchronous_route_refuses_the_same_in_one_line(make, status, reason):
    response = post_and_wait(make())
    assert response.status_code == status
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response.text.endswith(reason)
    assert len(response.text.splitlines()) == 1


def test_a_picture_that_the_worker_finds_broken_fails_with_a_reason():
    with answering(failed):
        response = post_and_wait(pictures.truncated())
    assert (response.status_code, response.text) == (422, "The picture is truncated or broken.")


@pytest.mark.parametrize(
    ("name", "kept"),
    NAMES.items(),
    ids=["path", "DOS path", "control", "long", "long in Chinese", "words", "bidi", "Latin-1"],
)
def test_a_picture_is_accepted_under_any_name(client, name, kept):
    resource = post_under_a_name(client, name).json()
    assert resource["file_name"] == kept
    assert Classification.objects.get().input_key == f"{resource['id']}.png"


@through_each_door
def test_a_file_name_that_is_not_utf8_is_taken_by_each_door_and_its_content_left_as_it_is(client, address, field):
    with answering():
        response = post_under_a_name(client, b"\xe9t\xe9.png", address, field)
    assert response.status_code in (200, 202, 302)
    accepted = Classification.objects.get()
    assert accepted.file_name == "_t_.png"
    assert storage.get_picture(accepted.input_key)[0] == PICTURE


@through_each_door
def test_a_long_file_name_that_is_not_utf8_is_taken_too(client, address, field):
    with answering():
        response = post_under_a_name(client, b"\xe9" * 900 + b".png", address, field)
    assert response.status_code in (200, 202, 302)
    assert Classification.objects.get().file_name == "_" * 251 + ".png"


@through_each_door
@pytest.mark.parametrize("media_type", ["image/jpeg", "application/json", "application/x-www-form-urlencoded", ""])
def test_a_body_that_is_no_form_is_refused_with_what_to_send(client, address, field, media_type):
    response = client.generic("POST", address, PICTURE, media_type)
    assert response.status_code == 415
    assert re.search(f"Send the picture in the field .*{field}.* of a multipart/form-data body", response.text)


@through_each_door
@pytest.mark.parametrize("name", ["", ".", "..", "\t"])
def test_a_part_without_a_name_is_no_file(client, address, field, name):
    response = post_under_a_name(client, name, address, field)
    assert response.status_code == 422
    assert re.search(f"No picture in the field .*{field}|Choose at least one picture", response.text)


def test_the_limits_are_the_documented_ones():
    assert (env.web().max_upload_bytes, env.common().max_pixels) == (10_000_000, 50_000_000)


@through_each_door
@pytest.mark.parametrize("content", [PICTURE + bytes(3_000_000), PICTURE + b"&" * 2_000], ids=["3 MB", "fields"])
def test_a_photograph_that_is_sent_as_a_web_form_is_refused_with_what_to_send(client, address, field, content):
    """As curl --data-binary does by default. Django would refuse such fields for their size or number."""
    response = client.generic("POST", address, content, "application/x-www-form-urlencoded")
    assert response.status_code == 415
    assert re.search(f"Send the picture in the field .*{field}.* of a multipart/form-data body", response.text)
