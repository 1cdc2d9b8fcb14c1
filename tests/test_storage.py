"""The buckets: a picture keeps its name, a record is written once, and its two objects agree."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import parse_qs, quote, urlsplit
from uuid import uuid4

import httpx
import pytest
from botocore.exceptions import ClientError

from project import contract, env
from project.aws import storage
from project.aws.clients import s3
from project.contract import ContractError
from tests.configuration import configured
from tests.test_contract import RECORD

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def record():
    """A record that no other test has stored."""
    id = str(uuid4())
    return replace(RECORD, id=id, input_key=f"{id}.jpg")


def stored_text(key):
    return s3().get_object(Bucket=env.aws().output_bucket, Key=key)["Body"].read().decode()


@pytest.mark.parametrize(
    "file_name",
    [
        "cat.jpg",
        "my cat, asleep; 100% (1).jpg",
        "Kätzchen.jpg",
        "猫の写真.png",
        "🐈 'quoted' \"twice\".gif",
        "a/b\\c.jpg",
        "%41+%2B.jpg",
        "x" * 255,
        "",
    ],
)
def test_a_picture_keeps_its_bytes_and_its_name(file_name):
    storage.put_picture("a picture.jpg", b"\x00\xff bytes", "image/jpeg", file_name)
    assert storage.get_picture("a picture.jpg") == (b"\x00\xff bytes", file_name)


@pytest.mark.parametrize("file_name", ["猫" * 255, "😀" * 251 + ".png", "x" * 255, "cat.png", ""])
def test_a_name_is_shortened_to_what_s3_takes(file_name):
    name = storage.storable_name(file_name)
    assert file_name.endswith(name)
    assert len(quote(name)) <= 2_000
    assert len(quote(name)) > 1_980 or name == file_name


def test_a_picture_without_a_name_has_an_empty_one():
    s3().put_object(Bucket=env.aws().input_bucket, Key="stranger.jpg", Body=b"bytes")
    assert storage.get_picture("stranger.jpg") == (b"bytes", "")


def test_a_missing_picture_has_its_own_error():
    with pytest.raises(storage.PictureMissing, match="nowhere"):
        storage.get_picture("nowhere.jpg")


def test_a_missing_bucket_is_not_a_missing_picture():
    with configured(INPUT_BUCKET="no-such-bucket"), pytest.raises(ClientError, match="NoSuchBucket"):
        storage.get_picture("any.jpg")


def test_a_record_is_stored_and_read(record):
    assert storage.put_record(record) == record
    assert storage.get_record(record.id) == record


def test_a_done_record_has_its_label_beside_it(record):
    storage.put_record(record)
    assert stored_text(f"{record.id}.json") == record.to_json()
    assert stored_text(f"{record.id}.txt") == "(test_0, bathtub)"


def test_a_failed_record_has_no_label(record):
    failed = replace(record, state=contract.FAILED, label="", confidence=None, top5=(), error_code="broken")
    assert storage.put_record(failed) == failed
    with pytest.raises(s3().exceptions.NoSuchKey):
        stored_text(f"{record.id}.txt")


def test_a_missing_record_is_none():
    assert storage.get_record(str(uuid4())) is None


def test_the_first_record_stays(record):
    storage.put_record(record)
    again = replace(record, label="tub", finished_at="2027-01-01T00:00:00+00:00")
    assert storage.put_record(again) == record
    assert storage.get_record(record.id) == record
    assert stored_text(f"{record.id}.txt") == "(test_0, bathtub)"


def test_a_failure_after_a_success_changes_nothing(record):
    storage.put_record(record)
    assert storage.put_record(replace(record, state=contract.FAILED, label="")) == record
    assert stored_text(f"{record.id}.txt") == "(test_0, bathtub)"


def test_a_repeat_writes_a_label_that_a_crash_left_out(record):
    storage.put_record(record)
    s3().delete_object(Bucket=env.aws().output_bucket, Key=f"{record.id}.txt")
    storage.put_record(replace(record, label="tub"))
    assert stored_text(f"{record.id}.txt") == "(test_0, bathtub)"


def test_of_concurrent_writers_one_wins_and_all_get_its_record(record):
    start = threading.Barrier(8)

    def put(number):
        start.wait(10)
        return storage.put_record(replace(record, label=f"label {number}"))

    with ThreadPoolExecutor(8) as threads:
        stored = set(threads.map(put, range(8)))
    assert stored == {storage.get_record(record.id)}
    assert stored_text(f"{record.id}.txt") == f"(test_0, {stored.pop().label})"


def test_a_stored_object_that_is_not_a_record_is_an_error(record):
    s3().put_object(Bucket=env.aws().output_bucket, Key=f"{record.id}.json", Body=b"[]")
    with pytest.raises(ContractError):
        storage.get_record(record.id)


def test_a_signed_url_downloads_and_never_shows_inline():
    storage.put_picture("a picture.svg", b"<svg/>", "image/svg+xml", "a picture.svg")
    url = storage.download_url(env.aws().input_bucket, "a picture.svg")
    assert httpx.get(url).content == b"<svg/>"
    assert parse_qs(urlsplit(url).query)["response-content-disposition"] == ["attachment"]
