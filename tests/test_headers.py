"""Security headers, and Django's deployment check with production settings."""

import secrets
import subprocess
import sys

import pytest
from django.test import Client

from classify_app.results.completion import complete
from tests.conftest import ROOT
from tests.records import done, environment, row

pytestmark = pytest.mark.django_db(transaction=True)

ASK = """
from django.test import Client
for method, path, secure in [{requests}]:
    answer = getattr(Client(SERVER_NAME="recognition.example"), method)(path, secure=secure)
    print(answer.status_code, answer.get("Location", "-"), "Strict-Transport-Security" in answer)
"""


def production(**variables):
    """Return the minimal environment of a production site."""
    ours = {"SECRET_KEY": secrets.token_urlsafe(50), "ALLOWED_HOSTS": "recognition.example", "HTTPS": "1"}
    return environment(**{**ours, "OPEN_SYNCHRONOUS_ROUTES": "0", **variables})


def manage(*arguments, **variables):
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=production(**variables), capture_output=True, text=True, timeout=60, check=False
    )


def ask(*requests, **variables):
    """Send requests to a site in production; return each status, redirect target and HSTS header."""
    code = ASK.format(requests=", ".join(map(repr, requests)))
    done = manage("shell", "--no-imports", "-c", code, **variables)
    assert done.returncode == 0, done.stderr
    return [tuple(line.split()) for line in done.stdout.splitlines()]


STOCK_MIDDLEWARE = """
from django.conf import settings
from django.core.management import call_command
from django.utils.module_loading import import_string
from classify_app.http.threadless import Threadless

def stock(name):
    ours = import_string(name)
    if not (isinstance(ours, type) and issubclass(ours, Threadless)):
        return name
    djangos = ours.__bases__[1]
    return f"{djangos.__module__}.{djangos.__name__}"

settings.MIDDLEWARE = [*map(stock, settings.MIDDLEWARE)]
settings.SILENCED_SYSTEM_CHECKS = ["security.W021"]
call_command("check", deploy=True, fail_level="WARNING")
"""


def policy(response):
    return dict(part.strip().partition(" ")[::2] for part in response["Content-Security-Policy"].split(";"))


def test_djangos_check_of_a_deployment_finds_nothing():
    done = manage("check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr


def test_djangos_check_finds_nothing_with_the_middleware_that_ours_is_derived_from():
    """It looks for some of Django's middleware by name, and without it leaves other checks out."""
    done = manage("shell", "--no-imports", "-c", STOCK_MIDDLEWARE)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("key", ["short", "a" * 60, "django-insecure"])
def test_a_weak_key_ends_the_startup_with_a_message(key):
    done = manage("check", SECRET_KEY=key)
    assert done.returncode == 1
    assert done.stderr == "SECRET_KEY can't be used: must have at least 50 characters, 10 of them different.\n"


@pytest.mark.usefixtures("collected_static_files")
def test_plain_http_is_redirected_with_hsts():
    assert ask(("get", "/login/", False), ("get", "/login/", True)) == [
        ("301", "https://recognition.example/login/", "False"),
        ("200", "-", "True"),
    ]


def test_closed_synchronous_routes_are_redirected_to_https():
    assert ask(("post", "/", False), ("post", "/postApi/image", False)) == [
        ("301", "https://recognition.example/", "False"),
        ("301", "https://recognition.example/postApi/image", "False"),
    ]


def test_only_open_synchronous_routes_accept_plain_http():
    paths = ["/", "/postApi/image", "/postApi/image/", "/upload/", "/postApi/image/x", "/api/v1/classifications"]
    answers = ask(*(("post", path, False) for path in paths), OPEN_SYNCHRONOUS_ROUTES="1")
    assert [status for status, _, _ in answers] == ["422", "422", "422", "301", "301", "301"]


def test_the_health_check_needs_neither_host_name_nor_https():
    assert ask(("get", "/healthz", False), ALLOWED_HOSTS="another.example") == [("200", "-", "False")]


@pytest.mark.parametrize("address", ["/login/", "/", "/history/", "/account/", "/nowhere/", "/admin/", "/api/v1/docs"])
def test_every_page_loads_only_the_sites_own_content(client, address):
    response = client.get(address)
    forbidden = policy(response)
    assert (forbidden["default-src"], forbidden["frame-ancestors"], forbidden["form-action"]) == (
        "'self'",
        "'none'",
        "'self'",
    )
    assert "script-src" not in forbidden and "style-src" not in forbidden
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response["X-Frame-Options"] == "DENY"


def test_a_thumbnail_is_sandboxed(client):
    one = row()
    complete(done(one))
    response = client.get(f"/classifications/{one.id}/thumbnail.jpg")
    assert (response["Content-Type"], response["X-Content-Type-Options"]) == ("image/jpeg", "nosniff")
    assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_cookies_are_sent_over_https_only():
    names = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY")
    code = f"from django.conf import settings; print(*(getattr(settings, name) for name in {names}))"
    assert manage("shell", "--no-imports", "-c", code).stdout.split() == ["True"] * 3


@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "options", "head"])
@pytest.mark.parametrize(
    "address", ["/login/", "/logout/", "/account/", "/account/tokens/1/revoke/", "/upload/", "/healthz"]
)
def test_no_address_fails_for_an_anonymous_user(method, address):
    response = getattr(Client(), method)(address)
    assert response.status_code < 500


PAGES = ("/", "/history/", "/login/", "/account/", "/account/password/", "/admin/", "/admin/login/", "/nowhere/")
OTHERS = ("/healthz", "/postApi/image", "/api/v1/docs", "/api/v1/openapi.json")


@pytest.mark.parametrize("address", [*PAGES, *OTHERS])
def test_head_is_answered_as_get(client, address):
    head, get = client.head(address), client.get(address)
    assert (head.status_code, head.content) == (get.status_code, b"")


NULS = "\\000" * 32
COOKIES = [f'sessionid="{NULS}"', "sessionid=" + "x" * 5000, f'csrftoken="{NULS}"', "messages=x"]


@pytest.mark.postgresql
@pytest.mark.parametrize("cookie", COOKIES, ids=["NUL", "long", "CSRF", "messages"])
@pytest.mark.parametrize("address", ["/history/", "/login/", "/api/v1/classifications", "/admin/"])
def test_no_address_fails_for_an_invalid_cookie(cookie, address):
    response = Client(headers={"Cookie": cookie}).get(address)
    assert response.status_code in (200, 302, 401)
