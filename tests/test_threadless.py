"""Middleware without threads: CSRF, login and messages work in asynchronous requests as in Django."""

import asyncio
import threading

import httpx
import pytest
from django.contrib.auth.models import User
from django.core.handlers import asgi
from django.core.handlers.asgi import ASGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connections, reset_queries

from classify_app.accounts.views import Login
from classify_app.http.threadless import XFrameOptionsMiddleware, begin_and_end_without_thread

pytestmark = pytest.mark.django_db(transaction=True)

SITE = "http://127.0.0.1"
PASSWORD = "correct horse battery staple"


@pytest.fixture
def visit():
    """Runs a visit to the site, given an HTTP client."""

    async def run(visitor):
        transport = httpx.ASGITransport(app=ASGIHandler())
        async with httpx.AsyncClient(transport=transport, base_url=SITE, follow_redirects=True) as client:
            return await visitor(client)

    yield lambda visitor: asyncio.run(run(visitor))
    connections.close_all()


@pytest.fixture
def account(transactional_db):
    return User.objects.create_superuser("ada", password=PASSWORD)


async def log_in(client):
    await client.get("/login/")
    answer = await client.post(
        "/login/?next=/admin/",
        data={"username": "ada", "password": PASSWORD, "csrfmiddlewaretoken": client.cookies["csrftoken"]},
    )
    assert answer.status_code == 200, answer.text
    return answer


def test_a_session_is_kept(visit, account):
    assert "ada" in visit(log_in).text


def test_a_form_without_its_token_is_refused(visit, account):
    async def post(client):
        await log_in(client)
        return await client.post("/admin/logout/")

    assert visit(post).status_code == 403


def test_messages_reach_the_next_page(visit, account):
    async def add_a_group(client):
        await log_in(client)
        page = await client.get("/admin/auth/group/add/")
        assert page.status_code == 200
        return await client.post(
            "/admin/auth/group/add/", data={"name": "curators", "csrfmiddlewaretoken": client.cookies["csrftoken"]}
        )

    assert "was added successfully" in visit(add_a_group).text


def test_responses_have_the_headers_of_all_middleware(visit):
    headers = visit(lambda client: client.get("/healthz")).headers
    page = visit(lambda client: client.get("/login/"))
    for name in ("X-Content-Type-Options", "Content-Security-Policy", "X-Frame-Options", "Content-Length"):
        assert name in page.headers
    assert "Set-Cookie" not in headers


def test_hooks_run_in_the_thread_of_the_event_loop(visit, monkeypatch):
    threads = []

    def process_response(self, request, response):
        threads.append(threading.get_ident())
        return response

    monkeypatch.setattr(XFrameOptionsMiddleware, "process_response", process_response)
    visit(lambda client: client.get("/login/"))
    assert threads == [threading.get_ident()]


@pytest.fixture
def ended(monkeypatch):
    """The threads in which requests end, where its connection to the database is closed."""
    monkeypatch.setattr(asgi, "sync_to_async", asgi.sync_to_async)  # to have it back after the test
    begin_and_end_without_thread()
    threads = []

    def note(**_):
        threads.append(threading.get_ident())

    request_finished.connect(note)
    yield threads
    request_finished.disconnect(note)
    for receiver in (close_old_connections, reset_queries):
        request_started.connect(receiver)


def test_a_request_without_a_thread_ends_without_one(visit, ended):
    visit(lambda client: client.get("/healthz"))
    assert ended == [threading.get_ident()]


def test_a_request_with_a_thread_ends_in_it(visit, ended, monkeypatch):
    ran = []
    dispatch = Login.dispatch

    def noted(self, *arguments, **options):
        ran.append(threading.get_ident())
        return dispatch(self, *arguments, **options)

    monkeypatch.setattr(Login, "dispatch", noted)
    visit(lambda client: client.get("/login/"))
    assert ended == ran != [threading.get_ident()]
