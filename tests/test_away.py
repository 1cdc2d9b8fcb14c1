"""While the database is away, or the disk full, every page and route answers 503 and when to try again."""

import errno

import pytest
from django.db import InterfaceError, OperationalError

from tests.records import PICTURE

pytestmark = pytest.mark.django_db

PAGES = ["/", "/history/", "/admin/login/", "/postApi/image", "/api/v1/classifications"]


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def failing(error):
    def fail(*_, **__):
        raise error

    return fail


def assert_later(response, media_type):
    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
    assert response["Content-Type"].startswith(media_type)


@pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("closed")])
@pytest.mark.parametrize(
    ("path", "media_type"), [("/history/", "text/html"), ("/api/v1/classifications", "application/problem+json")]
)
def test_while_the_database_is_away(client, monkeypatch, error, path, media_type):
    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", failing(error))
    client.cookies["sessionid"] = "any"
    assert_later(client.get(path), media_type)


@pytest.mark.parametrize(
    ("path", "field", "media_type"),
    [("/postApi/image", "myfile", "text/plain"), ("/api/v1/classifications", "file", "application/problem+json")],
)
@pytest.mark.usefixtures("aws")
def test_while_the_disk_is_full(api_client, monkeypatch, path, field, media_type):
    from django.core.files.uploadedfile import SimpleUploadedFile

    monkeypatch.setattr("django.core.files.uploadhandler.MemoryFileUploadHandler.receive_data_chunk", full)
    file = SimpleUploadedFile("cat.png", PICTURE)
    assert_later(api_client.post(path, {field: file}), media_type)


def test_other_errors_are_no_ones_absence(client, monkeypatch):
    client.raise_request_exception = False
    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", failing(OSError(errno.EPERM, "no")))
    client.cookies["sessionid"] = "any"
    assert client.get("/history/").status_code == 500
