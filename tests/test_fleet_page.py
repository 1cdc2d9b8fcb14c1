"""The page on the local fleet: for the staff, empty without a fleet, live with one."""

import json

import pytest
from django.test import Client

from project import env

MINUTE = {
    "minute": 7,
    "seconds": 14.0,
    "visible": 120,
    "in_flight": 8,
    "pending": 1,
    "in_service": 3,
    "terminating": 0,
    "desired": 4,
    "reason": "Backlog per instance 40, in service 3, step <+25 %> -> 4",
}


@pytest.fixture
def fleet_file(monkeypatch, tmp_path):
    path = tmp_path / "history.json"
    monkeypatch.setenv("FLEET_FILE", str(path))
    env.web.cache_clear()
    yield path
    env.web.cache_clear()


def test_strangers_and_users_are_sent_to_the_login(user):
    client = Client()
    assert client.get("/fleet/")["Location"].startswith("/login/")
    client.force_login(user)
    assert client.get("/fleet/")["Location"].startswith("/login/")


def test_without_a_fleet_the_page_says_how_to_get_one(client):
    answer = client.get("/fleet/")
    assert "make elastic" in answer.text
    assert "Refresh" not in answer


def test_a_fleet_that_has_just_started_has_no_minute_yet(client, fleet_file):
    assert "first minute" in client.get("/fleet/").text


def test_decisions_are_shown_with_their_reasons(client, fleet_file):
    fleet_file.write_text(json.dumps({"minutes": [MINUTE]}))
    answer = client.get("/fleet/")
    assert "step &lt;+25 %&gt; -&gt; 4" in answer.text
    assert "120 waiting" in answer.text
    assert answer["Refresh"] == "2"


def test_the_admin_leads_to_the_page(client):
    assert 'href="/fleet/"' in client.get("/admin/").text
