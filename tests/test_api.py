"""The REST API: upload a picture, then read, wait for and list its resource; errors are RFC 9457 problems."""

import base64
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from classify_app.api.resources import PAGE_SIZE, wait_in
from classify_app.models import Classification
from classify_app.results.completion import complete
from project import env
from tests.records import PICTURE, TOP5, answering, done, failed, missing_table, row

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("aws"), pytest.mark.postgresql]

ADDRESS = "/api/v1/classifications"
UNKNOWN = "018f3f5e-0000-7000-8000-000000000001"


def post(client, content=PICTURE, name="cat.png", **headers):
    return client.post(ADDRESS, {"file": SimpleUploadedFile(name, content)}, headers=headers)


def assert_problem(response, status, code):
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert (problem["status"], problem["type"]) == (status, f"urn:problem:{code}")
    assert problem["title"]
    assert problem["detail"]


def test_an_accepted_picture_gets_a_resource_and_its_location(client):
    response = post(client)
    resource = response.json()
    assert response.status_code == 202
    assert response["Location"] == resource["url"] == f"{ADDRESS}/{Classification.objects.get().id}"
    assert (resource["state"], resource["file_name"], resource["format"]) == ("queued", "cat.png", "PNG")
    assert (resource["width"], resource["height"], resource["bytes"]) == (8, 8, len(PICTURE))
    assert (resource["label"], resource["confidence"], resource["top5"], resource["error"]) == (None, None, [], None)
    assert client.get(response["Location"]).json() == resource


def test_a_wait_returns_the_result(client):
    with answering():
        response = post(client, prefer="wait=4")
    assert response.status_code == 200
    assert response["Preference-Applied"] == "wait=4"
    assert response.json()["label"] == "tabby"
    assert response["Location"] == response.json()["url"]


def test_a_wait_that_times_out_returns_202(client):
    response = post(client, prefer="wait=1")
    assert (response.status_code, response["Preference-Applied"]) == (202, "wait=1")
    assert response.json()["state"] == "queued"


def test_a_wait_returns_a_failure_too(client):
    with answering(failed):
        response = post(client, prefer="wait=4")
    assert response.status_code == 200
    assert (response.json()["state"], response.json()["error_code"]) == ("failed", "broken")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=3", 3),
        ("wait=0", 0),
        ('wait="3"', 3),
        ("WAIT = 3", 3),
        ("respond-async, wait=3", 3),
        ("respond-async,wait=3; foo", 3),
        ("wait=1000", 30),
        ("wait=99999999999999999999", 30),
        ("", None),
        ("respond-async", None),
        ("wait", None),
        ("wait=", None),
        ("wait=soon", None),
        ("wait=-1", None),
        ("await=3", None),
    ],
)
def test_the_preferred_wait_is_parsed_and_limited(header, seconds):
    assert env.web().sync_wait_seconds == 30
    assert wait_in(header) == seconds


def test_a_finished_classification_is_read(client):
    one = row()
    complete(done(one))
    resource = client.get(f"{ADDRESS}/{one.id}").json()
    assert (resource["state"], resource["label"], resource["confidence"]) == ("done", "tabby", 0.7)
    assert [prediction["label"] for prediction in resource["top5"]] == [prediction.label for prediction in TOP5]
    assert (resource["model"], resource["weights"], resource["fallback"]) == ("resnet50", "IMAGENET1K_V2", False)
    assert resource["finished_at"] == "2026-01-01T00:00:01Z"


@pytest.mark.parametrize(
    ("address", "status"), [("", 200), (f"/{UNKNOWN}", 404), ("?state=", 422)], ids=["a list", "unknown", "wrong"]
)
def test_head_is_answered_as_get_without_a_body(client, address, status):
    head, get = client.head(ADDRESS + address), client.get(ADDRESS + address)
    assert head.status_code == get.status_code == status
    assert (head.content, head.headers) == (b"", get.headers)


def test_head_of_a_classification_is_answered_as_get(client):
    address = f"{ADDRESS}/{row().id}"
    assert (client.head(address).status_code, client.head(address).headers) == (200, client.get(address).headers)


def test_head_needs_a_login_too():
    assert_problem(Client().get(ADDRESS), 401, "unauthenticated")
    assert Client().head(ADDRESS).status_code == 401


def test_an_unknown_id_is_a_problem(client):
    response = client.get(f"{ADDRESS}/{UNKNOWN}")
    assert_problem(response, 404, "not_found")
    assert UNKNOWN in response.json()["detail"]


@pytest.mark.parametrize("address", ["/api/v1/", "/api/v1/cats", f"{ADDRESS}/", f"{ADDRESS}/{UNKNOWN}/more"])
def test_an_unknown_address_is_a_problem(client, address):
    assert_problem(client.get(address), 404, "not_found")


def test_a_wrong_method_is_a_problem_that_lists_the_allowed_ones(client):
    response = client.put(ADDRESS)
    assert_problem(response, 405, "method_not_allowed")
    assert set(response["Allow"].split(", ")) == {"GET", "HEAD", "POST"}


def test_a_crash_is_a_problem(client, monkeypatch):
    client.raise_request_exception = False
    monkeypatch.setattr("classify_app.api.resources.visible_to", lambda user: user / 0)
    assert_problem(client.get(f"{ADDRESS}/{UNKNOWN}"), 500, "internal")


def test_an_unknown_address_outside_the_api_is_a_page(client):
    assert client.get("/cats").headers["Content-Type"].startswith("text/html")


def test_the_openapi_description_declares_errors_as_problems(client):
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    answers = [
        (int(status), list(answer["content"]))
        for operations in paths.values()
        for operation in operations.values()
        for status, answer in operation["responses"].items()
    ]
    assert {status for status, _ in answers} == {200, 202, 400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503}
    for status, media_types in answers:
        assert media_types == ["application/problem+json" if status >= 400 else "application/json"]


def test_an_invalid_id_is_a_problem(client):
    assert_problem(client.get(f"{ADDRESS}/cat"), 422, "invalid")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [(b"", 422, "empty"), (b"not a picture", 415, "not_an_image"), (bytes(10_000_001), 413, "too_many_bytes")],
)
def test_a_picture_that_is_refused_is_a_problem(client, content, status, code):
    assert_problem(post(client, content), status, code)
    assert not Classification.objects.exists()


def test_a_missing_field_is_a_problem_that_names_it(client):
    response = client.post(ADDRESS, {"picture": SimpleUploadedFile("cat.png", PICTURE)})
    assert_problem(response, 422, "invalid")
    assert "file" in response.json()["detail"]


def test_a_body_that_is_not_a_form_is_a_problem(client):
    assert_problem(client.post(ADDRESS, b"cat", content_type="multipart/form-data"), 400, "bad_request")


@pytest.mark.parametrize("charset", ["hex", "zlib", "undefined", "idna", "utf-16", "nonsense"])
def test_a_body_is_read_as_utf8_whatever_its_charset(client, charset):
    head = '--xyz\r\nContent-Disposition: form-data; name="file"; filename="猫.png"\r\n\r\n'
    body = head.encode() + PICTURE + b"\r\n--xyz--\r\n"
    response = client.generic("POST", ADDRESS, body, f"multipart/form-data; boundary=xyz; charset={charset}")
    assert (response.status_code, response.json()["file_name"]) == (202, "猫.png")


def test_another_host_is_a_problem(client):
    assert_problem(client.get(ADDRESS, headers={"host": "evil.example"}), 400, "bad_request")


def test_too_many_files_are_a_problem(client):
    files = [SimpleUploadedFile("cat.png", PICTURE) for _ in range(env.web().max_form_pictures + 1)]
    assert_problem(client.post(ADDRESS, {"file": files}), 400, "bad_request")


def test_a_database_failure_is_a_problem_with_retry_after(client):
    with missing_table():
        response = post(client)
    assert_problem(response, 503, "unavailable")
    assert int(response["Retry-After"]) > 0


def test_the_list_is_empty_at_first(client):
    assert client.get(ADDRESS).json() == {"previous": None, "next": None, "results": []}


def test_the_list_is_paginated_newest_first(client):
    ids = [str(row().id) for _ in range(2 * PAGE_SIZE + 1)]
    found, pages, address = [], [], ADDRESS
    while address:
        page = client.get(address).json()
        found += [resource["id"] for resource in page["results"]]
        pages.append(page)
        address = page["next"]
    assert found == ids[::-1]
    assert [len(page["results"]) for page in pages] == [PAGE_SIZE, PAGE_SIZE, 1]
    assert client.get(pages[2]["previous"]).json()["results"] == pages[1]["results"]


def test_new_classifications_do_not_shift_the_pages(client):
    ids = [str(row().id) for _ in range(4)]
    first = client.get(ADDRESS, {"page_size": 2}).json()
    row()
    second = client.get(first["next"]).json()
    assert [resource["id"] for page in (first, second) for resource in page["results"]] == ids[::-1]


@pytest.mark.parametrize("cursor", ["cat", base64.b64encode(b"p=cat").decode(), base64.b64encode(b"o=-1").decode()])
def test_an_invalid_cursor_is_a_problem(client, cursor):
    assert_problem(client.get(ADDRESS, {"cursor": cursor}), 422, "invalid")


def test_a_page_has_at_most_a_hundred_classifications(client):
    for _ in range(101):
        row()
    assert len(client.get(ADDRESS, {"page_size": 1_000_000}).json()["results"]) == 100


def test_the_openapi_description_lists_the_operations(client):
    description = client.get("/api/v1/openapi.json").json()
    assert description["openapi"].startswith("3.")
    assert set(description["paths"][ADDRESS]) == {"get", "post"}
    assert set(description["paths"][ADDRESS]["post"]["responses"]) >= {"200", "202", "413", "415", "422"}


def test_the_openapi_description_says_which_files_are_taken(client):
    upload = client.get("/api/v1/openapi.json").json()["paths"][ADDRESS]["post"]["requestBody"]
    form = upload["content"]["multipart/form-data"]
    file = form["schema"]["properties"]["file"]
    assert (upload["required"], form["schema"]["required"]) == (True, ["file"])
    assert (file["type"], file["format"]) == ("string", "binary")
    assert (file["minLength"], file["maxLength"]) == (1, env.web().max_upload_bytes)
    assert "JPEG, PNG, WEBP, GIF, BMP, of at most 10,000,000 bytes and 50,000,000 pixels" in file["description"]
    assert form["encoding"]["file"]["contentType"] == "image/jpeg, image/png, image/webp, image/gif, image/bmp"


def test_the_openapi_description_says_when_a_classification_is_finished(client):
    described = client.get("/api/v1/openapi.json").json()["components"]["schemas"]["ClassificationOut"]["properties"]
    assert "worker" in described["finished_at"]["description"]
    assert "a moment later" in described["finished_at"]["description"]


def test_the_documentation_page_loads_only_from_this_site(client):
    page = client.get("/api/v1/docs").text
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert "/static/ninja/swagger-ui-bundle.js" in sources
    assert all(source.startswith("/") for source in sources)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("label=tench", "label"),
        ("state=", "state"),
        ("page_size=0", "page_size"),
        ("page_size=x", "page_size"),
    ],
)
def test_an_unknown_or_wrong_query_parameter_is_refused_by_its_name(client, query, named):
    response = client.get(f"{ADDRESS}?{query}")
    assert_problem(response, 422, "invalid")
    assert named in response.json()["detail"]


def test_a_page_has_the_size_that_is_asked_for(client):
    for _ in range(3):
        row()
    assert len(client.get(f"{ADDRESS}?page_size=2").json()["results"]) == 2


def test_an_unknown_query_parameter_of_an_upload_is_refused_before_it_is_accepted(client):
    assert_problem(client.post(f"{ADDRESS}?wait=5", {"file": SimpleUploadedFile("cat.png", PICTURE)}), 422, "invalid")
    assert not Classification.objects.exists()


def test_answers_of_the_api_are_not_stored_and_errors_keep_the_security_headers(client):
    assert "no-store" in client.get(ADDRESS)["Cache-Control"]
    response = client.put(ADDRESS)
    assert_problem(response, 405, "method_not_allowed")
    assert "no-store" in response["Cache-Control"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "default-src" in response["Content-Security-Policy"]
    assert response["Allow"]
    assert int(response["Content-Length"]) == len(response.content)
