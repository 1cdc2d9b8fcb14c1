"""The sweeper: sends messages that were never sent, and no others."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connections
from django.db.models import F
from django.utils import timezone

from classify_app.intake import outbox
from classify_app.models import Classification, DeadLetter, State
from classify_app.repair.sweeper import LOST_AFTER, PAGE, RETENTION, VERY_OLD, sweep
from infra.local import faults, resources
from project import env
from project.aws import queues, storage
from project.aws.clients import s3, sqs
from project.stopping import Stop
from tests.records import done, requests, row

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("aws"), pytest.mark.postgresql]

MINUTES = timedelta(minutes=1)


def aged(age, **fields):
    """Return a row that was accepted that long ago."""
    one = row(**fields)
    Classification.objects.filter(id=one.id).update(created_at=timezone.now() - age)
    one.refresh_from_db()
    return one


def test_a_row_whose_message_was_never_sent_is_sent():
    stale = aged(2 * MINUTES)
    assert sweep() == 1
    assert [request["id"] for request in requests()] == [str(stale.id)]
    stale.refresh_from_db()
    assert stale.submitted_at is not None


def test_it_is_sent_once():
    aged(2 * MINUTES)
    sweep()
    assert sweep() == 0
    assert len(requests()) == 1


def test_a_recent_row_is_left_to_the_outbox():
    aged(timedelta(seconds=env.web().stale_after_seconds - 5))
    assert sweep() == 0
    assert requests() == []


@pytest.mark.parametrize("age", [2 * MINUTES, 2 * VERY_OLD])
def test_a_row_that_merely_waits_is_never_sent_again(age):
    outbox.send([row()])  # which waits as well, so the queue isn't empty
    waiting = aged(age, submitted_at=timezone.now() - age)
    assert sweep() == 0
    assert str(waiting.id) not in {request["id"] for request in requests()}


def test_a_row_whose_message_was_purged_is_sent_again_once_the_queue_is_empty():
    young = aged(MINUTES, submitted_at=timezone.now() - MINUTES)
    purged = aged(2 * LOST_AFTER, submitted_at=timezone.now() - 2 * LOST_AFTER)
    assert sweep() == 1
    assert [request["id"] for request in requests()] == [str(purged.id)]
    assert sweep() == 0  # as sent just now
    young.refresh_from_db()
    assert young.state == State.QUEUED


def test_a_row_whose_letter_nobody_redrives_is_sent_again():
    lost = aged(2 * LOST_AFTER, submitted_at=timezone.now() - 2 * LOST_AFTER)
    DeadLetter.objects.create(queue=DeadLetter.Queue.REQUESTS, message_id="1", receives=6, classification=lost)
    assert sweep() == 1
    assert [request["id"] for request in requests()] == [str(lost.id)]


def test_a_row_whose_message_died_is_left_to_the_dead_letter_consumer():
    died = aged(2 * LOST_AFTER, submitted_at=timezone.now() - 2 * LOST_AFTER)
    queues.send(env.web().request_dead_letter_queue_url, f"a message of {died.id}")
    assert sweep() == 0
    assert requests() == []


def test_rows_that_were_never_sent_are_sent_although_queues_cannot_be_asked(proxied):
    stale = aged(2 * MINUTES)
    proxied.fault = faults.Fault("denied", operation="GetQueueAttributes")
    assert sweep() == 1
    assert [request["id"] for request in requests()] == [str(stale.id)]


def test_a_row_whose_message_expired_is_sent_again_although_others_wait():
    outbox.send([row()])
    expired = aged(RETENTION + MINUTES, submitted_at=timezone.now() - RETENTION - MINUTES)
    assert sweep() == 1
    assert str(expired.id) in {request["id"] for request in requests()}


def test_a_row_that_was_sent_and_done_takes_its_stored_result():
    old = aged(2 * LOST_AFTER, submitted_at=timezone.now() - 2 * LOST_AFTER)
    storage.put_record(done(old))
    assert sweep() == 1
    old.refresh_from_db()
    assert (old.state, requests()) == (State.DONE, [])


def test_the_command_takes_the_age_of_what_is_lost():
    outbox.send([row()])
    aged(2 * MINUTES, submitted_at=timezone.now() - 2 * MINUTES)
    output = StringIO()
    call_command("resubmit_stale", "--older-than=0.02", stdout=output)  # 72 s
    assert output.getvalue() == "1 recovered\n"


@pytest.mark.parametrize("state", [State.DONE, State.FAILED])
def test_a_finished_row_is_never_sent_again(state):
    aged(2 * MINUTES, state=state)
    assert sweep() == 0
    assert requests() == []


def test_a_very_old_row_is_completed_from_its_stored_record():
    old = aged(2 * VERY_OLD)
    storage.put_record(done(old))
    assert sweep() == 1
    old.refresh_from_db()
    assert (old.state, old.label) == (State.DONE, "tabby")
    assert requests() == []


def test_a_very_old_row_without_a_stored_record_is_sent():
    old = aged(2 * VERY_OLD)
    assert sweep() == 1
    assert [request["id"] for request in requests()] == [str(old.id)]


def test_an_unreadable_stored_record_does_not_block_the_others():
    broken, other = aged(3 * VERY_OLD), aged(2 * MINUTES)
    s3().put_object(Bucket=env.aws().output_bucket, Key=f"{broken.id}.json", Body=b'{"version": 2}')
    assert sweep() == 1
    assert [request["id"] for request in requests()] == [str(other.id)]


def test_a_message_that_cannot_be_sent_is_left_to_the_next_sweep():
    stale = aged(2 * MINUTES)
    sqs().delete_queue(QueueUrl=env.aws().request_queue_url)
    try:
        assert sweep() == 0
    finally:
        resources.create()
    assert sweep() == 1
    assert [request["id"] for request in requests()] == [str(stale.id)]


def test_messages_are_sent_ten_per_call(proxied):
    stale = [aged(2 * MINUTES) for _ in range(25)]
    assert sweep() == 25
    assert proxied.passed["SendMessageBatch"] == 3
    assert sorted(request["id"] for request in requests()) == sorted(str(one.id) for one in stale)


def test_only_sent_rows_count_as_recovered(proxied):
    stale = [aged(2 * MINUTES) for _ in range(5)]
    proxied.fault = faults.Fault(faults.PARTIAL)
    assert sweep() == 4
    proxied.fault = faults.Fault()
    assert Classification.objects.filter(submitted_at=None).count() == 1
    assert sweep() == 1
    assert sorted(request["id"] for request in requests()) == sorted(str(one.id) for one in stale)


def test_while_sqs_is_unavailable_a_sweep_ends_at_its_first_batch(proxied):
    for _ in range(25):
        aged(2 * MINUTES)
    proxied.fault = faults.Fault("denied", operation="SendMessageBatch")
    assert sweep() == 0
    assert proxied.struck["SendMessageBatch"] == 1
    proxied.fault = faults.Fault()
    assert sweep() == 25


def test_a_sweep_ends_at_a_stop():
    stop = Stop()
    stop.request()
    aged(2 * MINUTES)
    assert sweep(stop=stop) == 0
    assert requests() == []


def test_many_rows_are_swept_while_others_write():
    for _ in range(2 * PAGE):
        row()
    Classification.objects.update(created_at=timezone.now() - 2 * MINUTES)
    other = row(file_name="another.png")
    stop = threading.Event()

    def write():
        try:
            while not stop.is_set():
                Classification.objects.filter(id=other.id).update(width=F("width") + 1)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(write)
        try:
            assert sweep() == 2 * PAGE
        finally:
            stop.set()
        writing.result()
    assert Classification.objects.filter(submitted_at=None).count() == 1


def test_the_command_prints_how_many_it_recovered():
    aged(2 * MINUTES)
    aged(2 * MINUTES)
    output = StringIO()
    call_command("resubmit_stale", stdout=output)
    assert output.getvalue() == "2 recovered\n"
