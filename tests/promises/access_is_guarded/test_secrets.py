"""No secret is in any process's log or in a task's message."""

import json
from typing import Any

import httpx

from tests.system.conftest import StartSystem
from tests.system.harness import ADMIN, PASSWORD, REQUESTS, ROOT, System

PICTURE = ROOT / "samples" / "coffee.png"
WRONG = "a wrong passphrase of the system tests"
UNKNOWN = "eir_a-token-that-does-not-exist"


def log_in_rightly_and_wrongly(system: System, client: httpx.Client) -> str:
    """Return the session's cookie."""
    client.get("/login/")
    form = {"username": ADMIN, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
    assert client.post("/login/", data={**form, "password": WRONG}).status_code == 200
    assert client.post("/login/", data={**form, "password": PASSWORD}).status_code == 302
    return client.cookies["sessionid"]


def send_rightly_and_wrongly(system: System) -> None:
    """Send pictures, requests that are refused, and such as no page answers."""
    picture = {"file": ("coffee.png", PICTURE.read_bytes())}
    for token, status in ((system.token, 202), (UNKNOWN, 401)):
        shown = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=system.site, headers=shown, timeout=30) as client:
            assert client.post("/api/v1/classifications", files=picture).status_code == status
            client.get("/api/v1/classifications/no-id")
            client.get("/nowhere/")
            client.put("/", content=b"x")


def break_the_table(system: System) -> int:
    """Rename a table and request a page that needs it; return the status."""
    code = (
        "from django.db import connection; connection.cursor().execute('ALTER TABLE classify_app_apitoken RENAME TO x')"
    )
    system.python("manage.py", "shell", "--no-imports", "-c", code)
    with system.client() as client:
        return client.get("/api/v1/classifications").status_code


def messages(system: System) -> str:
    received: list[dict[str, Any]] = system.sqs.receive_message(
        QueueUrl=system.queue_url(REQUESTS), MaxNumberOfMessages=10
    )["Messages"]
    return json.dumps(received)


def test_no_secret_is_logged_or_sent(start_system: StartSystem):
    system = start_system(consumers=1)
    with httpx.Client(base_url=system.site, timeout=30) as browser:
        session = log_in_rightly_and_wrongly(system, browser)
    send_rightly_and_wrongly(system)
    system.wait_until_sent(1)
    sent = messages(system)
    assert break_the_table(system) == 503
    logs = "".join(log.read_text(errors="replace") for log in system.state.glob("*.log"))
    assert "database unavailable" in logs
    key = system.web_environment["SECRET_KEY"]
    secrets = (PASSWORD, WRONG, system.token, UNKNOWN, session, key)
    assert [secret for secret in secrets if secret in logs or secret in sent] == []
