"""The result backend: the record is stored, then announced; a repeat announces what is stored."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from celery import states

from infra.local import faults
from project import contract, env
from project.aws import queues, storage
from project.aws.clients import s3
from project.broker import backend
from project.broker.celery import app
from tests.configuration import configured
from tests.test_contract import RECORD

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def record():
    """A record that no other test has stored."""
    id = str(uuid4())
    return replace(RECORD, id=id, input_key=f"{id}.jpg")


def announced():
    """Take the announced records off the response queue."""
    url = env.aws().response_queue_url
    records = []
    while messages := queues.receive(url, wait_seconds=0):
        queues.delete(url, messages)
        records += [contract.record_of(message["Body"]) for message in messages]
    return records


def with_new_id(record, **changes):
    id = str(uuid4())
    return replace(record, id=id, input_key=f"{id}.jpg", **changes)


def by_id(records):
    return sorted(records, key=lambda record: record.id)


def stored_by_as_many_threads(records):
    """Store records at the same time; return for each None or its error code."""

    def store(record):
        try:
            app.backend.store_result(record.id, record, states.SUCCESS)
        except ClientError as error:
            return error.response["Error"]["Code"]

    with ThreadPoolExecutor(len(records)) as threads:
        return list(threads.map(store, records))


def stored_keys(id):
    answer = s3().list_objects_v2(Bucket=env.aws().output_bucket, Prefix=id)
    return {stored["Key"] for stored in answer.get("Contents", [])}


def test_the_application_uses_our_backend():
    assert type(app.backend).__name__ == "RecordBackend"


def test_a_record_is_stored_and_announced(record):
    app.backend.store_result(record.id, record, states.SUCCESS)
    assert stored_keys(record.id) == {f"{record.id}.json", f"{record.id}.txt"}
    assert announced() == [record]


def test_a_failed_record_is_announced_too(record):
    failed = replace(record, state=contract.FAILED, label="", error_code="broken", error="The picture is broken.")
    app.backend.store_result(record.id, failed, states.SUCCESS)
    assert announced() == [failed]


def test_a_repeat_announces_what_is_stored(record):
    app.backend.store_result(record.id, record, states.SUCCESS)
    app.backend.store_result(record.id, replace(record, label="tub"), states.SUCCESS)
    assert announced() == [record, record]


def test_a_repeat_recovers_from_a_crash_before_the_announcement(record):
    storage.put_record(record)
    app.backend.store_result(record.id, replace(record, worker="another"), states.SUCCESS)
    assert announced() == [record]


@pytest.mark.parametrize("state", [states.STARTED, states.RETRY, states.FAILURE, states.REVOKED])
def test_a_failed_attempt_stores_and_announces_nothing(record, state):
    app.backend.store_result(record.id, ValueError("went wrong"), state)
    assert stored_keys(record.id) == set()
    assert announced() == []


@pytest.fixture
def no_output_bucket():
    """A configuration with a missing output bucket."""
    with configured(OUTPUT_BUCKET="no-such-bucket"):
        yield


def test_a_record_that_was_not_stored_is_not_announced(record, no_output_bucket):
    with pytest.raises(ClientError, match="NoSuchBucket"):
        app.backend.store_result(record.id, record, states.SUCCESS)
    assert announced() == []


def test_threads_share_calls_for_announcements(record, proxied, monkeypatch):
    monkeypatch.setattr(backend.announcer, "max_wait_seconds", 60)
    records = [with_new_id(record) for _ in range(40)]
    assert stored_by_as_many_threads(records) == [None] * 40
    assert by_id(announced()) == by_id(records)
    assert proxied.passed["SendMessageBatch"] <= 8


def test_a_call_stays_within_the_size_limit_of_sqs(record, proxied):
    records = [with_new_id(record, error="ü" * 30_000) for _ in range(10)]
    assert stored_by_as_many_threads(records) == [None] * 10
    assert by_id(announced()) == by_id(records)
    assert proxied.passed["SendMessageBatch"] >= 3


def test_a_single_announcement_does_not_wait(record, monkeypatch):
    monkeypatch.setattr(backend.announcer, "max_wait_seconds", 60)
    started = time.monotonic()
    app.backend.store_result(record.id, record, states.SUCCESS)
    assert time.monotonic() - started < 30
    assert announced() == [record]


def test_only_the_attempt_whose_announcement_failed_fails(record, proxied):
    proxied.fault = faults.Fault(faults.PARTIAL, operation="SendMessageBatch")
    records = [with_new_id(record) for _ in range(10)]
    came_to = stored_by_as_many_threads(records)
    confirmed = [one for one, error in zip(records, came_to, strict=True) if error is None]
    assert set(came_to) == {None, "InternalError"}
    assert by_id(announced()) == by_id(confirmed)


def test_if_a_batch_fails_all_its_attempts_fail(record, proxied):
    proxied.fault = faults.Fault("denied", operation="SendMessageBatch")
    assert stored_by_as_many_threads([with_new_id(record) for _ in range(5)]) == ["AccessDenied"] * 5
    assert announced() == []


def test_an_announcement_too_large_for_sqs_fails_alone(record):
    large, small = with_new_id(record, error="x" * 1_100_000), with_new_id(record)
    came_to = stored_by_as_many_threads([large, small])
    assert came_to[0] is not None
    assert came_to[1] is None
    assert announced() == [small]


def test_a_result_can_be_read_by_its_id(record):
    storage.put_record(record)
    result = app.AsyncResult(record.id)
    assert (result.state, result.result) == (states.SUCCESS, record)


def test_a_missing_result_is_pending(record):
    result = app.AsyncResult(record.id)
    assert (result.state, result.result) == (states.PENDING, None)
