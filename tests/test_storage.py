"""The buckets and the result backend: a record is written once, and what is stored is what is announced."""

from dataclasses import replace
from uuid import uuid4

import pytest
from celery import states

from project import env, responses, storage
from project.aws import s3
from project.backend import RecordBackend
from project.celery import app
from project.contract import Record, record_of
from tests.test_contract import RECORD

pytestmark = pytest.mark.usefixtures("aws")


def new_record(**changes: str) -> Record:
    id = str(uuid4())
    return replace(RECORD, id=id, input_key=f"{id}.jpg", **changes)


def stored(key: str) -> str:
    return s3().get_object(Bucket=env.aws().output_bucket, Key=key)["Body"].read().decode()


def test_the_first_record_stays():
    first = new_record()
    assert storage.put_record(first) == first
    assert storage.put_record(replace(first, label="another")) == first
    assert storage.get_record(first.id) == first
    assert stored(f"{first.id}.txt") == "(test_0, bathtub)"


@pytest.mark.parametrize("name", ["a b, c.png", "Käse 猫.png", "x" * 250])
def test_a_picture_keeps_its_file_name(name):
    storage.put_picture("key.png", b"bytes", "image/png", name)
    assert storage.get_picture("key.png") == (b"bytes", name)


def test_a_missing_picture_is_missing():
    with pytest.raises(storage.PictureMissing):
        storage.get_picture("nowhere.png")


def test_the_backend_stores_and_announces_and_a_repeat_announces_what_is_stored():
    backend, first = RecordBackend(app=app), new_record()
    backend.store_result(first.id, first, states.SUCCESS)
    backend.store_result(first.id, replace(first, label="another"), states.SUCCESS)
    messages = responses.receive(wait_seconds=1)
    messages += responses.receive(wait_seconds=0)
    assert [record_of(message["Body"]) for message in messages] == [first, first]
    assert backend.get_task_meta(first.id)["result"] == first


def test_an_attempt_that_failed_stores_and_announces_nothing():
    backend, first = RecordBackend(app=app), new_record()
    backend.store_result(first.id, ValueError("away"), states.FAILURE)
    assert storage.get_record(first.id) is None
    assert responses.receive(wait_seconds=0) == []
