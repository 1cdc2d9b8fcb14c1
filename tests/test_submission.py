"""Submission: an accepted picture is in the bucket, has a row and a message; else it is not accepted."""

import json
import subprocess
import sys

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from classify_app.http.responses import status_of
from classify_app.intake import outbox
from classify_app.intake.submission import submit
from classify_app.models import Classification, State
from infra.local import resources
from infra.local.ports import free_ports
from project import contract, env
from project.aws import storage
from project.aws.clients import s3, sqs
from project.pictures import BadPicture
from project.refusals import Refusal
from tests.configuration import configured
from tests.conftest import ROOT
from tests.pictures import jpeg, of_pixels
from tests.records import PICTURE, environment, missing_table, requests

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("aws"), pytest.mark.postgresql]


def upload(content=PICTURE, name="cat.png"):
    return SimpleUploadedFile(name, content)


def message():
    """Return the one message on the request queue."""
    outbox.flush()
    (only,) = sqs().receive_message(QueueUrl=env.aws().request_queue_url, MaxNumberOfMessages=10)["Messages"]
    return only["Body"]


def stored_keys():
    return {stored["Key"] for stored in s3().list_objects_v2(Bucket=env.aws().input_bucket).get("Contents", [])}


def test_object_row_and_message_agree(sample, user):
    row = submit(upload(sample.read_bytes(), "my cat, asleep.png"), user)

    assert storage.get_picture(row.input_key) == (sample.read_bytes(), "my cat, asleep.png")
    assert requests() == [{"version": contract.VERSION, "id": str(row.id), "input_key": row.input_key}]
    row.refresh_from_db()
    assert (row.state, row.owner, row.format, row.width, row.height) == (State.QUEUED, user, "PNG", 451, 300)
    assert row.bytes == sample.stat().st_size
    assert row.submitted_at is not None


def test_the_key_is_the_id_with_the_suffix_of_the_format():
    row = submit(upload(jpeg(), "called.png"), None)
    assert row.input_key == f"{row.id}.jpg"


def test_the_object_has_the_content_type_of_its_bytes():
    row = submit(upload(PICTURE, "called.txt"), None)
    stored = s3().head_object(Bucket=env.aws().input_bucket, Key=row.input_key)
    assert stored["ContentType"] == "image/png"


def test_the_message_never_carries_the_picture(sample):
    submit(upload(sample.read_bytes()), None)
    assert len(message()) < 2_000 < sample.stat().st_size


def test_the_task_has_the_classifications_id():
    row = submit(upload(), None)
    headers = json.loads(message())["headers"]
    assert (headers["task"], headers["id"]) == (contract.TASK_NAME, str(row.id))


def test_the_same_picture_twice_is_two_classifications():
    assert submit(upload(), None).input_key != submit(upload(), None).input_key
    assert len(requests()) == 2


def test_a_picture_is_accepted_without_the_request_queue():
    sqs().delete_queue(QueueUrl=env.aws().request_queue_url)
    try:
        row = submit(upload(), None)
        outbox.flush()
    finally:
        resources.create()
    assert Classification.objects.get(id=row.id).submitted_at is None


def test_a_picture_is_accepted_while_the_broker_is_unavailable():
    code = (
        "from django.core.files.uploadedfile import SimpleUploadedFile\n"
        "from classify_app.intake.submission import submit\n"
        f"submit(SimpleUploadedFile('cat.png', {PICTURE!r}), None)"
    )
    subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
        cwd=ROOT,
        env=environment(AWS_ENDPOINT_URL_SQS=f"http://127.0.0.1:{free_ports(1)[0]}"),
        check=True,
        timeout=60,
    )
    row = Classification.objects.get()
    assert (row.state, row.submitted_at) == (State.QUEUED, None)
    assert row.input_key in stored_keys()


def test_without_its_bucket_a_picture_is_not_accepted():
    with configured(INPUT_BUCKET="no-such-bucket"), pytest.raises(Refusal, match="stored"):
        submit(upload(), None)
    assert not Classification.objects.exists()
    assert requests() == []


def test_while_the_database_fails_a_picture_is_not_accepted():
    with missing_table(), pytest.raises(Refusal, match="registered"):
        submit(upload(), None)
    assert requests() == []


def test_a_refused_picture_leaves_nothing():
    before = stored_keys()
    with pytest.raises(BadPicture):
        submit(upload(b"not a picture"), None)
    assert stored_keys() == before
    assert not Classification.objects.exists()
    assert requests() == []


def test_as_many_bytes_as_allowed_are_accepted():
    allowed = env.web().max_upload_bytes
    assert submit(upload(PICTURE.ljust(allowed, b"\0")), None).bytes == allowed


def test_one_byte_more_is_refused():
    with pytest.raises(BadPicture, match="10,000,001 bytes; at most 10,000,000 are allowed") as refusal:
        submit(upload(PICTURE.ljust(env.web().max_upload_bytes + 1, b"\0")), None)
    assert status_of(refusal.value) == 413


def test_as_many_pixels_as_allowed_are_accepted():
    row = submit(upload(of_pixels(10_000, 5_000)), None)
    assert row.width * row.height == env.common().max_pixels


def test_one_row_of_pixels_more_is_refused():
    with pytest.raises(BadPicture, match="at most 50,000,000 are allowed") as refusal:
        submit(upload(of_pixels(10_000, 5_001)), None)
    assert status_of(refusal.value) == 422
