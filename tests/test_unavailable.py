"""While the database is unavailable or the disk is full, every page and route responds with 503 and Retry-After."""

import errno

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import InterfaceError, OperationalError

from tests.records import PICTURE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


def failing(error):
    def fail(*_, **__):
        raise error

    return fail


def assert_unavailable(response, media_type):
    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
    assert response["Content-Type"].startswith(media_type)


@pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("closed")])
@pytest.mark.parametrize(
    ("view", "answer"),
    [
        ("classify_app.pages.views.visible_to", ("/history/", "text/html")),
        ("classify_app.api.resources.visible_to", ("/api/v1/classifications", "application/problem+json")),
    ],
)
def test_while_the_database_is_unavailable(client, monkeypatch, error, view, answer):
    monkeypatch.setattr(view, failing(error))
    assert_unavailable(client.get(answer[0]), answer[1])


@pytest.mark.parametrize(
    ("path", "field", "media_type"),
    [
        ("/postApi/image", "myfile", "text/plain"),
        ("/api/v1/classifications", "file", "application/problem+json"),
        ("/upload/", "pictures", "text/html"),
    ],
)
@pytest.mark.usefixtures("aws")
def test_while_the_disk_is_full(client, monkeypatch, path, field, media_type):
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr("django.core.files.uploadhandler.MemoryFileUploadHandler.receive_data_chunk", failing(full))
    assert_unavailable(client.post(path, {field: SimpleUploadedFile("cat.png", PICTURE)}), media_type)


def test_other_errors_are_not_reported_as_unavailable(client, monkeypatch):
    client.raise_request_exception = False
    monkeypatch.setattr("classify_app.pages.views.visible_to", failing(OSError(errno.EPERM, "no")))
    assert client.get("/history/").status_code == 500
