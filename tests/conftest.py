"""Fixtures: the real emulator, the real queues, real pictures; no mocks."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.test import Client
from kombu import pools

from classify_app.intake import outbox
from classify_app.intake.rate_limits import counts
from infra.local import faults, resources
from project import env
from project.aws import clients, objects
from project.aws.clients import sqs
from project.broker.celery import app
from tests.environment import AWS_PORT, AWS_URL, STATE

ROOT = Path(__file__).resolve().parents[1]

SHARED = ("system", "campaign", "exported", "by_command", "stack", "plan")
"""Fixtures of modules and sessions that take long to make: running systems, exported networks, Terraform's stacks."""


@pytest.fixture(scope="session")
def emulator() -> Iterator[None]:
    """The embedded AWS, with our buckets and queues."""
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.local.emulator"],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(AWS_PORT),
            "SERVICES": "s3,sqs",
            "LOG_LEVEL": "ERROR",
        },
        cwd=STATE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(AWS_URL)
                break
            except httpx.TransportError:
                assert process.poll() is None and time.monotonic() < deadline, "the emulator did not start"
                time.sleep(0.1)
        resources.create()
        yield
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def collected_static_files() -> None:
    """Collect the static files for sites that run as separate processes."""
    subprocess.run([sys.executable, "-m", "infra.local.static_files"], cwd=ROOT, check=True)


@pytest.fixture
def aws(emulator: None) -> None:
    """The emulator with empty queues."""
    outbox.flush()  # of the last test's messages
    aws, web = env.aws(), env.web()
    live = (aws.request_queue_url, aws.response_queue_url, aws.event_queue_url)
    for url in (*live, web.request_dead_letter_queue_url, web.response_dead_letter_queue_url):
        sqs().purge_queue(QueueUrl=url)


@pytest.fixture
def proxied(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[faults.Proxy]:
    """A proxy between our clients and the emulator."""
    proxy = faults.Proxy(AWS_URL)
    proxy.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    _forget_clients()
    yield proxy
    monkeypatch.setenv("AWS_ENDPOINT_URL", AWS_URL)  # before a thread that still sends makes a client again
    _forget_clients()
    proxy.shutdown()


def _forget_clients() -> None:
    stores = (objects.patient, objects.unwritten, objects.quick)
    for cached in (clients.s3, clients.quick_s3, clients.sqs, clients.quick_sqs, *stores, env.aws):
        cached.cache_clear()
    # Celery's, too.
    pools.reset()
    app._after_fork()


@pytest.fixture(autouse=True)
def plain_static_files(settings: LazySettings) -> None:
    """Allow pages to use static files that are not collected."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture(autouse=True)
def reset_rate_limits() -> None:
    """Reset the rate limits' counts."""
    counts.reset()


@pytest.fixture
def staff(db: None) -> User:
    return User.objects.create_user("a member of the staff", is_staff=True)


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("a user")


@pytest.fixture
def client(staff: User) -> Client:
    """A browser of a staff user, who sees all pictures, including those without an owner."""
    client = Client()
    client.force_login(staff)
    return client


@pytest.fixture
def viewer(transactional_db: None) -> User:
    """A staff user with permission to view everything but to change nothing."""
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return user


@pytest.fixture
def sample() -> Path:
    """A photograph of a cat, 451 x 300 pixels."""
    return ROOT / "samples" / "chelsea.png"


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give all tests of a fixture that takes long to make to one process of pytest-xdist."""
    for item in items:
        for fixture in SHARED:
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(fixture))


def pytest_unconfigure() -> None:
    shutil.rmtree(STATE, ignore_errors=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run for a skipped test if NO_SKIPS is set, as in CI."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("NO_SKIPS") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
