"""Redrive and discard: a dead letter is sent again or discarded, once, and nothing is lost."""

import subprocess
import sys
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.utils import timezone

from classify_app.intake import outbox
from classify_app.models import DEAD_LETTER, Classification, DeadLetter, State
from classify_app.repair.redrive import DISCARDED, SWEEPER, discard, redrive
from classify_app.repair.sweeper import LOST_AFTER, sweep
from classify_app.results.completion import complete
from infra.local import resources
from project import contract, env
from project.aws import queues
from project.aws.clients import sqs
from project.refusals import Refusal
from tests.conftest import ROOT
from tests.letters import REQUESTS, RESPONSES, dead, dead_request, given_up_request
from tests.records import done, environment, failed, missing_table, requests

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("aws"), pytest.mark.postgresql]


def responses():
    url = env.aws().response_queue_url
    messages = queues.receive(url, wait_seconds=0)
    queues.delete(url, messages)
    return [message["Body"] for message in messages]


def run(*arguments):
    output = StringIO()
    call_command("redrive", *map(str, arguments), stdout=output)
    return output.getvalue()


def test_a_request_is_sent_again_under_the_same_id():
    letter = given_up_request()
    redrive(letter, "ada")
    sent = requests()
    one = Classification.objects.get()
    assert sent == [contract.Request(str(one.id), one.input_key).arguments()]
    assert (one.state, one.error_code, one.error, one.finished_at) == (State.QUEUED, "", "", None)
    assert one.submitted_at > letter.first_seen
    letter.refresh_from_db()
    assert (letter.state, letter.handled_by) == (DeadLetter.State.REDRIVEN, "ada")
    assert letter.handled_at > letter.first_seen


def test_a_redriven_request_is_finished_by_its_result():
    letter = dead_request()
    redrive(letter, "ada")
    assert complete(done(letter.classification))


def test_a_redriven_request_that_fails_again_is_a_new_letter():
    letter = dead_request()
    redrive(letter, "ada")
    again = dead(REQUESTS, letter.body)
    assert (again.id != letter.id, again.classification) == (True, letter.classification)
    assert again.redrive_at - again.first_seen > letter.redrive_at - letter.first_seen


def due(letter):
    DeadLetter.objects.filter(id=letter.id).update(redrive_at=timezone.now())
    Classification.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    return letter


def test_a_sweep_redrives_the_letters_whose_time_has_come():
    early, late = due(dead_request()), dead_request()
    assert sweep() == 1
    assert [request["id"] for request in requests()] == [str(early.classification_id)]
    early.refresh_from_db()
    late.refresh_from_db()
    assert (early.state, early.handled_by) == (DeadLetter.State.REDRIVEN, SWEEPER)
    assert late.state == DeadLetter.State.WAITING
    assert sweep() == 0


def test_a_letter_whose_time_has_come_after_its_result_is_discarded():
    letter = dead_request()
    complete(done(letter.classification))
    due(letter)
    assert sweep() == 0
    letter.refresh_from_db()
    assert (letter.state, letter.handled_by, requests()) == (DeadLetter.State.DISCARDED, SWEEPER, [])


def test_a_row_that_waits_for_its_redrive_does_not_count_as_lost():
    letter = dead_request()
    Classification.objects.update(submitted_at=timezone.now() - 2 * LOST_AFTER)
    assert sweep() == 0
    assert (DeadLetter.objects.get(id=letter.id).state, requests()) == (DeadLetter.State.WAITING, [])


def test_a_discarded_request_ends_its_queued_classification():
    letter = dead_request()
    discard(letter, "ada")
    one = Classification.objects.get()
    assert (one.state, one.error_code, one.error) == (State.FAILED, DEAD_LETTER, DISCARDED)


def test_a_request_whose_classification_is_still_queued_is_sent_again():
    letter = dead_request()
    Classification.objects.update(state=State.QUEUED, error_code="")
    redrive(letter, "ada")
    assert len(requests()) == 1


@pytest.mark.parametrize("record", [done, failed])
def test_a_request_that_has_a_result_by_now_is_refused(record):
    letter = dead_request()
    complete(record(letter.classification))
    with pytest.raises(Refusal, match="Its classification has a result by now"):
        redrive(letter, "ada")
    letter.refresh_from_db()
    assert letter.state == DeadLetter.State.WAITING
    assert Classification.objects.get().state == record(letter.classification).state
    assert requests() == []


def test_a_request_of_no_classification_is_refused():
    letter = dead(REQUESTS, "nonsense")
    with pytest.raises(Refusal, match="It belongs to no classification"):
        redrive(letter, "ada")
    letter.refresh_from_db()
    assert (letter.state, letter.handled_at) == (DeadLetter.State.WAITING, None)


def test_a_request_whose_classification_was_deleted_is_refused():
    letter = dead_request()
    letter.classification.delete()
    letter.refresh_from_db()
    with pytest.raises(Refusal, match="It belongs to no classification"):
        redrive(letter, "ada")


def test_a_request_that_cannot_be_sent_is_left_to_the_sweeper():
    letter = dead_request()
    sqs().delete_queue(QueueUrl=env.aws().request_queue_url)
    try:
        redrive(letter, "ada")
        outbox.flush()
    finally:
        resources.create()
    Classification.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    assert sweep() == 1
    assert [request["id"] for request in requests()] == [str(letter.classification_id)]


def test_a_redrive_that_the_database_rolls_back_sends_nothing():
    letter = dead_request()
    with missing_table(), pytest.raises(DatabaseError):
        redrive(letter, "ada")
    letter.refresh_from_db()
    assert letter.state == DeadLetter.State.WAITING
    assert requests() == []


def test_a_response_is_sent_unchanged():
    letter = dead(RESPONSES, "nonsense, or of a newer version")
    redrive(letter, "ada")
    assert responses() == ["nonsense, or of a newer version"]
    letter.refresh_from_db()
    assert (letter.state, letter.handled_by) == (DeadLetter.State.REDRIVEN, "ada")


def test_a_response_that_cannot_be_sent_stays_waiting():
    letter = dead(RESPONSES, "nonsense")
    sqs().delete_queue(QueueUrl=env.aws().response_queue_url)
    try:
        with pytest.raises(Refusal, match="The response queue is unavailable"):
            redrive(letter, "ada")
        outbox.flush()
    finally:
        resources.create()
    letter.refresh_from_db()
    assert letter.state == DeadLetter.State.WAITING


def test_a_discarded_letter_leaves_its_classification_failed():
    letter = dead_request()
    discard(letter, "ada")
    letter.refresh_from_db()
    assert (letter.state, letter.handled_by) == (DeadLetter.State.DISCARDED, "ada")
    assert letter.classification.error_code == DEAD_LETTER


@pytest.mark.parametrize("first", [redrive, discard])
@pytest.mark.parametrize("second", [redrive, discard])
@pytest.mark.parametrize("make", [dead_request, lambda: dead(RESPONSES, "nonsense")], ids=["request", "response"])
def test_a_letter_is_handled_only_once(make, first, second):
    letter = make()
    first(letter, "ada")
    sent = len(requests()) + len(responses())
    letter.refresh_from_db()
    with pytest.raises(Refusal, match="It was redriven or discarded before."):
        second(letter, "bob")
    assert (sent, requests(), responses()) == (first is redrive, [], [])


def test_the_command_redrives_by_id():
    letter, other = dead_request(), dead_request()
    assert run(letter.id) == "1 redriven\n"
    assert [request["id"] for request in requests()] == [str(letter.classification_id)]
    other.refresh_from_db()
    assert other.state == DeadLetter.State.WAITING


def test_the_command_redrives_all_waiting_letters():
    discard(dead_request(), "ada")
    dead_request()
    dead(RESPONSES, "nonsense")
    assert run("--all") == "2 redriven\n"
    assert run("--all") == "0 redriven\n"


def test_the_command_redrives_all_of_one_queue():
    dead_request()
    dead(RESPONSES, "nonsense")
    assert run("--all", "--queue", "responses") == "1 redriven\n"
    assert (requests(), responses()) == ([], ["nonsense"])


def test_the_command_redrives_the_others_if_one_is_refused():
    bad, good = dead(REQUESTS, "nonsense"), dead_request()
    with pytest.raises(CommandError, match=f"1 not redriven:\n{bad.id}: It belongs to no classification"):
        run("--all")
    assert [request["id"] for request in requests()] == [str(good.classification_id)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Give either the ids of dead letters or --all."),
        ([7, "--all"], "Give either the ids of dead letters or --all."),
        ([7, "--queue", "requests"], "--queue needs --all and can't be used with ids."),
        ([7, 8], "There is no dead letter 7, 8."),
        (["--all", "--queue", "events"], "invalid choice: 'events'"),
        (["cat"], "invalid int value: 'cat'"),
    ],
)
def test_wrong_arguments_are_explained(arguments, sentence):
    DeadLetter.objects.all().delete()
    with pytest.raises(CommandError, match=sentence):
        run(*arguments)


def test_the_command_exits_with_its_message_and_no_traceback():
    ended = subprocess.run(
        [sys.executable, "manage.py", "redrive", "7"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (1, "CommandError: There is no dead letter 7.\n")
