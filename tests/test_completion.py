"""The way out: a record finishes its row, once and for good."""

import base64
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import connections

from classify_app.models import Classification, State
from classify_app.results.completion import complete, complete_all
from project.contract import MAX_THUMBNAIL_BYTES, ContractError
from tests.records import THUMBNAIL, TOP5, done, failed, row

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


@pytest.fixture
def queued():
    return row()


def test_a_record_finishes_its_row(queued):
    assert complete(done(queued))

    queued.refresh_from_db()
    assert (queued.state, queued.label, queued.confidence) == (State.DONE, "tabby", 0.7)
    assert (queued.model, queued.weights, queued.fallback) == ("resnet50", "IMAGENET1K_V2", False)
    assert [prediction["label"] for prediction in queued.top5] == [prediction.label for prediction in TOP5]
    assert queued.finished_at == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_the_thumbnail_is_kept_as_bytes_and_not_in_the_record(queued):
    complete(done(queued))
    queued.refresh_from_db()
    assert bytes(queued.thumbnail) == THUMBNAIL
    assert "thumbnail" not in queued.record


def test_a_failure_finishes_its_row_with_the_reason(queued):
    complete(failed(queued))
    queued.refresh_from_db()
    assert (queued.state, queued.error_code) == (State.FAILED, "broken")
    assert queued.error == "The picture is truncated or broken."
    assert (queued.label, queued.confidence, queued.thumbnail) == ("", None, None)


def test_a_repeat_changes_nothing(queued):
    complete(done(queued))
    before = Classification.objects.filter(id=queued.id).values().get()
    assert not complete(done(queued))
    assert Classification.objects.filter(id=queued.id).values().get() == before


@pytest.mark.parametrize(("first", "second"), [(done, failed), (failed, done)])
def test_a_later_result_that_differs_changes_nothing(queued, first, second):
    complete(first(queued))
    assert not complete(second(queued, model="another"))
    queued.refresh_from_db()
    assert (queued.state, queued.model) == (first(queued).state, "resnet50")


def test_a_record_without_a_row_is_ignored(queued):
    assert not complete(replace(done(queued), id=str(uuid4())))
    assert Classification.objects.get().state == State.QUEUED


def test_only_its_own_row_is_finished(queued):
    other = row()
    complete(done(queued))
    other.refresh_from_db()
    assert other.state == State.QUEUED


@pytest.mark.parametrize(
    "change",
    [
        {"id": "cat"},
        {"finished_at": "yesterday"},
        {"finished_at": "0001-01-01T00:00:00+23:59"},
        {"thumbnail": "%%%"},
        {"thumbnail": base64.b64encode(bytes(MAX_THUMBNAIL_BYTES + 1)).decode()},
        {"error": "\ud800"},
    ],
)
def test_a_record_that_the_row_cannot_store_is_refused(queued, change):
    with pytest.raises(ContractError):
        complete(done(queued, **change))
    queued.refresh_from_db()
    assert queued.state == State.QUEUED


def test_a_thumbnail_of_the_largest_size_is_accepted(queued):
    assert complete(done(queued, thumbnail=base64.b64encode(bytes(MAX_THUMBNAIL_BYTES)).decode()))


def test_many_records_are_written_together_and_counted(queued):
    other = row()
    complete(done(queued))
    assert complete_all([done(queued), done(other)]) == 1


def test_one_refused_record_rolls_back_all(queued):
    with pytest.raises(ContractError):
        complete_all([done(queued), done(row(), thumbnail="%%%")])
    queued.refresh_from_db()
    assert queued.state == State.QUEUED


@pytest.mark.postgresql
def test_consumers_with_the_same_rows_in_another_order_do_not_block_each_other():
    rows = [[row() for _ in range(10)] for _ in range(20)]
    start = threading.Barrier(2)

    def complete_each(backwards):
        try:
            for some in rows:
                start.wait(10)
                complete_all([done(one) for one in (reversed(some) if backwards else some)])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(complete_each, [False, True]))
    assert not Classification.objects.exclude(state=State.DONE).exists()
