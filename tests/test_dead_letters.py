"""The dead-letter consumer: each message becomes a row, and its classification fails; a later result replaces that."""

import base64
import json
import signal
import time
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError
from django.db import DatabaseError

from classify_app.intake.outbox import send
from classify_app.models import DEAD_LETTER, Classification, DeadLetter, State
from classify_app.repair.dead_letters import GIVEN_UP, settle
from classify_app.results.completion import complete
from infra.local import resources
from project import contract, env
from project.aws import queues, storage
from project.aws.clients import s3, sqs
from tests.configuration import configured
from tests.letters import (
    REQUESTS,
    RESPONSES,
    consume_once,
    dead,
    dead_request,
    dead_url,
    exhaust,
    given_up_request,
    live_url,
)
from tests.records import command_running, done, failed, missing_table, row

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("aws"), pytest.mark.postgresql]


def messages_left(queue):
    """Return how many messages are on a dead-letter queue, hidden ones too."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = sqs().get_queue_attributes(QueueUrl=dead_url(queue), AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)


def task(name=contract.TASK_NAME, **arguments):
    """Return a task's message as any Celery client would write it."""
    return json.dumps({"headers": {"task": name}, "body": json.dumps([[], arguments, {}])})


def request_of(one, **changes):
    return contract.Request(id=str(one.id), input_key=one.input_key).arguments() | changes


def announced(one, **changes):
    document = json.loads(contract.announcement(done(one)))
    document["record"].update(changes)
    return json.dumps(document)


def in_base64(text):
    return base64.b64encode(text.encode()).decode()


def test_a_dead_request_is_stored_and_its_classification_stays_queued():
    queued = row()
    letter = dead_request(lambda: queued)
    assert (letter.queue, letter.classification, letter.state) == (REQUESTS, queued, DeadLetter.State.WAITING)
    assert letter.cause == "5 attempts failed; see the worker's log for the reason."
    assert letter.receives == resources.REQUESTS.max_receives + 1
    assert str(queued.id) in letter.body
    queued.refresh_from_db()
    assert queued.state == State.QUEUED
    assert messages_left(REQUESTS) == 0


def test_each_pause_before_a_redrive_is_four_times_the_one_before_up_to_an_hour():
    one, pauses = row(), []
    for _ in range(5):
        letter = dead_request(lambda: one)
        pauses.append(round((letter.redrive_at - letter.first_seen) / timedelta(minutes=1)))
    assert pauses == [1, 4, 16, 60, 60]


def test_after_a_day_of_redrives_a_classification_fails_with_a_reason():
    letter = given_up_request()
    assert (letter.state, letter.redrive_at) == (DeadLetter.State.WAITING, None)
    queued = letter.classification
    assert (queued.state, queued.error_code) == (State.FAILED, DEAD_LETTER)
    assert queued.error == GIVEN_UP
    assert queued.finished_at is not None
    assert messages_left(REQUESTS) == 0


@pytest.mark.parametrize("record", [done, failed])
def test_a_later_result_replaces_the_failure_once(record):
    one = given_up_request().classification
    assert one.state == State.FAILED
    assert complete(record(one))
    assert not complete(done(one, label="another"))
    one.refresh_from_db()
    assert (one.state, one.label, one.error) == (record(one).state, record(one).label, record(one).error)


def test_a_repeat_changes_only_the_receive_count():
    send([row()])
    exhaust(REQUESTS)
    [message] = queues.receive(dead_url(REQUESTS), wait_seconds=0)
    sqs().change_message_visibility(
        QueueUrl=dead_url(REQUESTS), ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
    )
    settle(REQUESTS, [message])
    DeadLetter.objects.update(state=DeadLetter.State.REDRIVEN)
    Classification.objects.update(state=State.QUEUED, error_code="")
    before = DeadLetter.objects.get()
    consume_once(REQUESTS)
    after = DeadLetter.objects.get()
    assert (after.state, after.first_seen) == (before.state, before.first_seen)
    assert (after.receives, after.last_seen > before.last_seen) == (before.receives + 1, True)
    assert Classification.objects.get().state == State.QUEUED


def test_a_stored_record_replaces_the_failure():
    one = row()
    storage.put_record(done(one))
    letter = dead_request(lambda: one)
    assert letter.classification.state == State.DONE


def test_an_unreadable_stored_record_is_a_failure():
    one = row()
    s3().put_object(Bucket=env.aws().output_bucket, Key=f"{one.id}.json", Body=b"nonsense")
    assert dead_request(lambda: one).classification.error_code == DEAD_LETTER


@pytest.mark.parametrize("record", [done, failed])
def test_a_finished_classification_stays_as_it_is(record):
    one = row()
    complete(record(one))
    assert dead_request(lambda: one).classification.error_code == record(one).error_code


@pytest.mark.parametrize("wrap", [str, in_base64], ids=["plain", "base64"])
def test_the_request_of_another_client_is_found(wrap):
    one = row()
    message = json.loads(task(**request_of(one)))
    letter = dead(REQUESTS, wrap(json.dumps({**message, "body": wrap(message["body"])})))
    assert letter.classification == one


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        ("nonsense", "The message can't be read: not a task's message"),
        ("{}", "The message can't be read: not a task's message"),
        ("[1]", "The message can't be read: not a task's message"),
        ("[" * 100_000, "The message can't be read: not a task's message"),
        ('{"headers": {"task": "classify"}, "body": 7}', "The message can't be read: not a task's message"),
        ('{"headers": {"task": "classify"}, "body": "[[], {}]"}', "The message can't be read: not a task's message"),
        ('{"headers": {"task": "classify"}, "body": "[[], [], {}]"}', "The message can't be read: not a JSON object"),
        (task(**{"version": 1, "a\0\ud800": 1}), "The message can't be read: not a request"),
        (task(version=2), "The message can't be read: version 2; this is version 1."),
        (task("add", x=1), "The message can't be read: the task is 'add', not 'classify'."),
        (task(id="cat", input_key="", version=1), "There is no classification cat."),
        (task(id=7, input_key="", version=1), "The message can't be read: id can't be 7."),
        (task(id="a\0\ud800", input_key="", version=1), "There is no classification a\ufffd"),
        (task(id="52fe4512-1723-44df-916b-4c3b9a4a5cbe", input_key="", version=1), "There is no classification"),
    ],
)
def test_a_request_without_a_classification_is_stored_with_its_cause(body, cause):
    bystander = row()
    letter = dead(REQUESTS, body)
    assert (letter.body, letter.classification) == (body, None)
    assert letter.cause.startswith(cause)
    assert len(letter.cause) <= 500
    bystander.refresh_from_db()
    assert bystander.state == State.QUEUED


def test_an_announcement_that_cannot_be_read_fails_the_classification_it_names():
    one = row()
    letter = dead(RESPONSES, announced(one, confidence="high"))
    assert (letter.queue, letter.classification) == (RESPONSES, one)
    assert letter.cause == "The message can't be read: confidence can't be 'high'."
    assert letter.classification.error_code == DEAD_LETTER
    assert messages_left(RESPONSES) == 0


def test_an_announcement_that_cannot_be_read_is_replaced_by_the_stored_record():
    one = row()
    storage.put_record(done(one))
    letter = dead(RESPONSES, announced(one, confidence="high"))
    assert (letter.classification.state, letter.classification.label) == (State.DONE, "tabby")


def test_a_readable_announcement_is_written():
    one = row()
    letter = dead(RESPONSES, announced(one))
    assert letter.classification.label == "tabby"
    assert letter.cause == "Received 100 times without being written; the result is written now."


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        ("nonsense", "The message can't be read: not JSON"),
        ("[" * 100_000, "The message can't be read: not JSON"),
        ("[]", "The message can't be read: not a JSON object"),
        ('{"id": ["cat"]}', "The message can't be read: version None"),
        (
            '{"version": 1, "record": {"version": 1, "top5": [], "a\\u0000\\ud800": 1}}',
            "The message can't be read: not a record",
        ),
        (json.dumps({"version": "x" * 100_000}), "The message can't be read: version 'xxx"),
    ],
)
def test_an_announcement_without_an_id_is_stored_with_its_cause(body, cause):
    letter = dead(RESPONSES, body)
    assert (letter.body, letter.classification) == (body, None)
    assert letter.cause.startswith(cause)


def test_an_announcement_without_a_classification_is_stored():
    one = row()
    body = announced(one)
    one.delete()
    letter = dead(RESPONSES, body)
    assert letter.cause == f"There is no classification {json.loads(body)['id']}."


def test_while_s3_fails_nothing_is_deleted_and_nothing_is_marked_failed():
    one = row()
    send([one])
    exhaust(REQUESTS)
    with configured(OUTPUT_BUCKET="no-such-bucket"), pytest.raises(ClientError):
        consume_once(REQUESTS)
    assert (messages_left(REQUESTS), DeadLetter.objects.count()) == (1, 0)
    assert Classification.objects.get().state == State.QUEUED


def test_while_the_database_fails_nothing_is_deleted():
    send([row()])
    exhaust(REQUESTS)
    with missing_table(), pytest.raises(DatabaseError):
        consume_once(REQUESTS)
    assert messages_left(REQUESTS) == 1


@pytest.fixture
def consumer():
    with command_running("consume_dead_letters", "consuming dead letters") as process:
        yield process


def test_the_command_empties_both_queues_until_a_signal_stops_it(consumer):
    for queue in DeadLetter.Queue:
        queues.send(live_url(queue), "nonsense")
        exhaust(queue)
    deadline = time.monotonic() + 60
    while DeadLetter.objects.count() < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert set(DeadLetter.objects.values_list("queue", flat=True)) == {"requests", "responses"}
    time.sleep(0.5)  # into the next long poll
    consumer.send_signal(signal.SIGTERM)
    assert consumer.wait(5) == 0
    assert [messages_left(queue) for queue in DeadLetter.Queue] == [0, 0]
