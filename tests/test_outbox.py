"""The outbox: messages of committed rows go ten a call, each is noted once it is sent, and none is lost."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from classify_app.intake import outbox
from classify_app.intake.submission import submit
from classify_app.models import Classification
from classify_app.repair.sweeper import sweep
from infra.local import faults
from tests.configuration import configured
from tests.conftest import ROOT
from tests.records import PICTURE, environment, requests, row
from tests.system.harness import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("aws"), pytest.mark.postgresql]


def ids(found):
    return sorted(one["id"] for one in found)


def submit_concurrently(count):
    """Submit pictures from as many threads; return their ids."""
    together = threading.Barrier(count)

    def one(_):
        together.wait()
        try:
            return str(submit(SimpleUploadedFile("cat.png", PICTURE), None).id)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as threads:
        return sorted(threads.map(one, range(count)))


def test_uploads_at_the_same_time_share_calls(proxied, monkeypatch):
    monkeypatch.setattr(outbox.batcher, "max_wait_seconds", 60)
    accepted = submit_concurrently(20)
    assert ids(requests()) == accepted
    assert proxied.passed["SendMessageBatch"] <= 4
    assert not Classification.objects.filter(submitted_at=None).exists()


def test_only_sent_messages_are_marked_as_sent(proxied):
    proxied.fault = faults.Fault(faults.PARTIAL)
    with outbox.expecting():
        rows = [row() for _ in range(5)]
        for one in rows:
            outbox.put(one)
    outbox.flush()
    (unsent,) = Classification.objects.filter(submitted_at=None)
    assert ids(requests()) == sorted(str(one.id) for one in rows if one != unsent)


def test_an_upload_does_not_wait_for_a_hanging_sqs(proxied):
    proxied.fault = faults.Fault(faults.TIMEOUT, service="sqs")
    (accepted,) = submit_concurrently(1)
    assert Classification.objects.get().submitted_at is None
    proxied.fault = faults.Fault()
    assert ids(requests()) == [accepted]


def test_a_message_that_waited_too_long_is_left_to_the_sweeper(proxied):
    with configured(STALE_AFTER_SECONDS="1"):
        proxied.fault = faults.Fault(faults.TIMEOUT, operation="SendMessageBatch")
        (first,) = submit_concurrently(1)
        later = submit_concurrently(2)
        wait_until(lambda: proxied.struck, 10, "the first is being sent")
        proxied.fault = faults.Fault()
        outbox.flush()
        assert ids(requests()) == [first]
        assert sweep() == 2
        assert ids(requests()) == later


def test_a_command_sends_its_messages_before_it_ends():
    code = (
        "from django.core.files.uploadedfile import SimpleUploadedFile\n"
        "from classify_app.intake.submission import submit\n"
        f"for _ in range(12): submit(SimpleUploadedFile('cat.png', {PICTURE!r}), None)"
    )
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", code]
    subprocess.run(command, cwd=ROOT, env=environment(), check=True, timeout=60)
    assert len(requests()) == 12
    assert not Classification.objects.filter(submitted_at=None).exists()
