"""The results of a chaos run: lost and wrong pictures are detected."""

from types import SimpleNamespace

import pytest

from infra.local.chaos.pictures import Sent, outcome
from project.aws import storage
from project.aws.clients import s3
from project.contract import DONE, FAILED, Record

LABELS = {"cat.png": "tabby"}


@pytest.fixture
def system(aws):
    return SimpleNamespace(s3=s3())


def row(id, state="done", **fields):
    about = {"id": id, "state": state, "file_name": "cat.png", "label": "tabby", "error_code": None, "error": None}
    return {**about, **fields}


def store(id, state=DONE, **fields):
    about = {"input_key": f"{id}.png", "file_name": "cat.png", "model": "m", "weights": "w", "fallback": False}
    times = {"started_at": "2026-01-01T00:00:00Z", "finished_at": "2026-01-01T00:00:00Z", "worker": "w"}
    label = {"label": "tabby", "confidence": 1.0} if state == DONE else {}
    storage.put_record(Record(id=id, state=state, **{**about, **times, **label, **fields}))


def counts(system, rows, ids):
    found = outcome(system, rows, Sent(ids), LABELS)
    return found.accepted, found.done, found.failed, found.lost, found.wrong, found.unjust


def test_a_right_result_counts_as_done(system):
    store("chaos-1")
    assert counts(system, [row("chaos-1")], ["chaos-1"]) == (1, 1, 0, 0, 0, 0)


def failure(id, code="broken", name="truncated-cat.png"):
    return row(id, "failed", error_code=code, error="It is broken.", file_name=name)


def test_a_truncated_picture_that_fails_with_its_reason_counts_as_failed(system):
    store("chaos-2", FAILED, error_code="broken", error="It is broken.")
    assert counts(system, [failure("chaos-2")], ["chaos-2"]) == (1, 0, 1, 0, 0, 0)


def test_a_good_picture_that_fails_and_a_failure_without_a_verdict_count_as_unjust(system):
    store("chaos-2", FAILED, error_code="broken", error="It is broken.")
    rows = [failure("chaos-2", name="cat.png"), failure("chaos-3", "dead_letter")]
    assert counts(system, rows, ["chaos-2", "chaos-3"]) == (2, 0, 2, 0, 0, 2)


def test_a_queued_or_missing_row_counts_as_lost(system):
    assert counts(system, [row("chaos-4", "queued")], ["chaos-4", "chaos-5"]) == (2, 0, 0, 2, 0, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        row("chaos-6", label="tiger"),
        row("chaos-6", file_name="truncated-cat.png"),
        row("chaos-6", "failed", error_code="broken", error="It is broken."),
        row("chaos-without-record"),
        row("chaos-without-record", "failed", error_code="broken", error="It is broken."),
        row("chaos-without-record", "failed", error_code="dead_letter", error=""),
    ],
)
def test_a_row_that_differs_from_its_record_or_has_a_wrong_label_counts_as_wrong(system, wrong):
    store("chaos-6")
    assert counts(system, [wrong], [wrong["id"]])[3:5] == (0, 1)
