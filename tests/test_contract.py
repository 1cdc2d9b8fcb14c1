"""The contract: written messages are read unchanged, and invalid ones are refused."""

import json
from dataclasses import replace

import pytest

from project import contract
from project.contract import ContractError, Prediction, Record, announcement, record_of

RECORD = Record(
    id="018f3f5e-0000-7000-8000-000000000001",
    input_key="018f3f5e-0000-7000-8000-000000000001.jpg",
    file_name="test_0.JPEG",
    state=contract.DONE,
    model="resnet50",
    weights="IMAGENET1K_V2",
    fallback=False,
    started_at="2026-01-01T00:00:00+00:00",
    finished_at="2026-01-01T00:00:01+00:00",
    worker="worker@host",
    label="bathtub",
    confidence=0.9,
    top5=(Prediction("bathtub", 435, 0.9),),
)


def test_a_record_survives_its_json():
    assert Record.from_json(RECORD.to_json()) == RECORD


def test_an_announcement_is_plain_json_with_key_and_value():
    message = json.loads(announcement(RECORD))
    assert (message["version"], message["key"], message["value"]) == (1, RECORD.input_key, "bathtub")


def test_an_announcement_carries_the_whole_record():
    assert record_of(announcement(RECORD)) == RECORD


@pytest.mark.parametrize(
    "message",
    ["", "nonsense", "[]", "{}", '{"version": 1}', '{"version": 2, "record": {}}', '{"version": 1, "record": {}}'],
)
def test_an_invalid_announcement_is_refused(message):
    with pytest.raises(ContractError):
        record_of(message)


def test_a_record_with_an_unknown_state_is_refused():
    with pytest.raises(ContractError, match="state"):
        record_of(announcement(replace(RECORD, state="perhaps")))


def test_a_record_with_an_unknown_field_is_refused():
    document = json.loads(RECORD.to_json())
    document["mood"] = "good"
    with pytest.raises(ContractError, match="mood"):
        Record.from_dict(document)


def test_a_confidence_may_be_a_whole_number():
    document = json.loads(RECORD.to_json())
    document["confidence"] = document["top5"][0]["confidence"] = 1
    assert Record.from_dict(document).confidence == 1


@pytest.mark.parametrize("confidence", ["-1", "1.01", "1e999", "-1e999", "NaN", "true", '"high"'])
def test_a_confidence_is_a_probability(confidence):
    with pytest.raises(ContractError):
        Record.from_json(RECORD.to_json().replace('"confidence":0.9,"top5"', f'"confidence":{confidence},"top5"'))


@pytest.mark.parametrize(
    ("file_name", "text"),
    [
        ("test_0.JPEG", "(test_0, bathtub)"),
        ("no extension", "(no extension, bathtub)"),
        ("a.b.c.png", "(a.b.c, bathtub)"),
        ("", f"({RECORD.id}, bathtub)"),
    ],
)
def test_the_label_text_is_that_of_the_legacy_system(file_name, text):
    assert replace(RECORD, file_name=file_name).label_text() == text


def test_a_request_survives_its_arguments():
    request = contract.Request(id="an id", input_key="an id.png")
    assert contract.request_of(request.arguments()) == request


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"version": 2, "id": "x", "input_key": "y"},
        {"version": 1, "id": "x"},
        {"version": 1, "id": 7, "input_key": "y"},
        {"version": 1, "id": "x", "input_key": ["y"]},
        {"version": True, "id": "x", "input_key": "y"},
    ],
)
def test_an_invalid_request_is_refused(arguments):
    with pytest.raises(ContractError):
        contract.request_of(arguments)
