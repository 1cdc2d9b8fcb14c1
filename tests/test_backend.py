"""The result backend: the record is stored, then announced; a repeat announces what is stored."""

from dataclasses import replace
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from celery import states

from project import contract, env, queues, storage
from project.aws import s3
from project.celery import app
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
    messages = queues.receive(url, wait_seconds=0)
    queues.delete(url, messages)
    return [contract.record_of(message["Body"]) for message in messages]


def stored_keys(id):
    answer = s3().list_objects_v2(Bucket=env.aws().output_bucket, Prefix=id)
    return {stored["Key"] for stored in answer.get("Contents", [])}


def test_the_applications_backend_is_ours():
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


def test_a_crash_before_the_announcement_is_mended_by_the_repeat(record):
    storage.put_record(record)
    app.backend.store_result(record.id, replace(record, worker="another"), states.SUCCESS)
    assert announced() == [record]


@pytest.mark.parametrize("state", [states.STARTED, states.RETRY, states.FAILURE, states.REVOKED])
def test_an_attempt_that_did_not_succeed_leaves_nothing(record, state):
    app.backend.store_result(record.id, ValueError("went wrong"), state)
    assert stored_keys(record.id) == set()
    assert announced() == []


@pytest.fixture
def no_output_bucket():
    """A configuration whose output bucket isn't there."""
    with configured(OUTPUT_BUCKET="no-such-bucket"):
        yield


def test_nothing_is_announced_that_was_not_stored(record, no_output_bucket):
    with pytest.raises(ClientError, match="NoSuchBucket"):
        app.backend.store_result(record.id, record, states.SUCCESS)
    assert announced() == []


def test_a_result_can_be_read_by_its_id(record):
    storage.put_record(record)
    result = app.AsyncResult(record.id)
    assert (result.state, result.result) == (states.SUCCESS, record)


def test_a_result_that_is_not_there_is_pending(record):
    result = app.AsyncResult(record.id)
    assert (result.state, result.result) == (states.PENDING, None)
