"""Messages wrong in every field: each is read or refused by a ContractError, and its good neighbours go on."""

import json
from itertools import islice

import pytest

from classify_app.models import Classification, State
from classify_app.results.consumer import settle
from project.contract import ContractError, Record, Request, announcement, record_of, request_of
from tests.promises.refused_with_a_reason.messages import NO_JSON, mutations, written
from tests.records import done, failed, row

NEIGHBOURS = 9


def outcome(read, text):
    """Return what is read, or the refusal."""
    try:
        return read(text)
    except ContractError as error:
        return error


def message(number, body):
    return {"MessageId": str(number), "ReceiptHandle": str(number), "Body": body}


@pytest.fixture
def odd(db):
    return row(file_name="odd.png")


@pytest.mark.parametrize("finished", [done, failed])
def test_an_announcement_is_read_or_refused(odd, finished):
    good = json.loads(announcement(finished(odd)))
    outcomes = {name: outcome(record_of, written(document)) for name, document in mutations(good)}
    assert {name for name, one in outcomes.items() if not isinstance(one, Record | ContractError)} == set()
    assert sum(isinstance(one, ContractError) for one in outcomes.values()) > len(outcomes) / 2


def test_what_is_read_can_be_written_again(odd):
    good = json.loads(announcement(done(odd)))
    read = [outcome(record_of, written(document)) for _, document in mutations(good)]
    for record in (one for one in read if isinstance(one, Record)):
        assert record_of(announcement(record)) == record
        assert record.confidence is None or 0 <= record.confidence <= 1


@pytest.mark.parametrize("text", NO_JSON, ids=range(len(NO_JSON)))
def test_an_invalid_message_is_refused(text):
    assert isinstance(outcome(record_of, text), ContractError)
    assert isinstance(outcome(Record.from_json, text), ContractError)


def test_a_request_is_read_or_refused(odd):
    good = Request(str(odd.id), odd.input_key).arguments()
    for name, document in mutations(good):
        if any(huge in written(document) for huge in ("NaN", "1e999", "9" * 5_000)):
            continue  # Celery has read the JSON before us.
        read = outcome(request_of, json.loads(written(document)))
        assert isinstance(read, ContractError) or {type(read.id), type(read.input_key)} == {str}, name


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("finished", [done, failed])
def test_good_neighbours_of_hostile_messages_are_written(odd, finished):
    good = json.loads(announcement(finished(odd)))
    hostile = iter([*NO_JSON, *(written(document) for _, document in mutations(good))])
    while bodies := list(islice(hostile, NEIGHBOURS)):
        neighbour = row()
        batch = [message(number, body) for number, body in enumerate([*bodies, announcement(done(neighbour))])]
        assert batch[-1] in settle(batch)
    assert not Classification.objects.exclude(id=odd.id).exclude(state=State.DONE).exists()
