"""Duplicate messages, to two workers at the same time and after the result: one result each."""

import json
from pathlib import Path

from tests.system.conftest import StartSystem
from tests.system.harness import OUTPUT_BUCKET, REQUESTS, System, wait_until
from tests.system.photos import RIGHT, check_all_done_and_right, check_queues_are_empty, post, read, wait_until_finished

COPIES = 3
WORKERS = ("worker1", "worker2")


def take(system: System, count: int) -> list[str]:
    """Take this many requests off their queue; return their bodies."""
    url, bodies = system.queue_url(REQUESTS), []
    while messages := system.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            bodies.append(message["Body"])
            system.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert len(bodies) == count
    return bodies


def send(system: System, bodies: list[str]) -> None:
    for body in bodies:
        system.sqs.send_message(QueueUrl=system.queue_url(REQUESTS), MessageBody=body)


def classified(system: System, worker: str) -> list[str]:
    """Return the ids that a worker has classified, as its log says."""
    lines = [json.loads(line) for line in system.log(worker).splitlines() if '"event": "classified"' in line]
    return [line["id"] for line in lines]


def versions(system: System) -> dict[str, str]:
    """Return when each stored record was written: one that is written again gets another time."""
    found = system.s3.list_objects_v2(Bucket=OUTPUT_BUCKET)["Contents"]
    return {stored["Key"]: str(stored["LastModified"]) for stored in found if stored["Key"].endswith(".json")}


def test_concurrent_and_later_duplicates_change_nothing(start_system: StartSystem, tmp_path: Path):
    system, switch = start_system(workers=0, consumers=2), tmp_path / "waiting"
    system.hold_pictures(switch)
    # Each holds 8 of 15 messages at most. So one holds 8, which are no whole number of triples: a picture is at both.
    system.worker_variables = {"MODEL_THREADS": "1", "MAX_BATCH_SIZE": "4"}
    with system.client() as client:
        ids = [post(client, name) for name in RIGHT]
        system.wait_until_sent(len(ids))
        bodies = take(system, len(ids))
        for name in WORKERS:
            system.start_worker(name)
        system.wait_until_ready()
        send(system, bodies * COPIES)
        wait_until(lambda: system.depth(REQUESTS) == (0, len(ids) * COPIES), 60, "the workers hold all copies")
        switch.unlink()
        check_all_done_and_right(system, client, ids)
        one, other = (classified(system, name) for name in WORKERS)
        assert sorted(one + other) == sorted(ids * COPIES)
        assert set(one) & set(other)
        rows, stored = [read(client, id) for id in ids], versions(system)
        send(system, bodies)
        wait_until(lambda: system.depth(REQUESTS).waiting == 0, 30, "the copies are taken")
        check_queues_are_empty(system)
        assert [read(client, id) for id in ids] == rows
        assert versions(system) == stored
        for id, row in zip(ids, rows, strict=True):
            assert json.loads(system.read(f"{id}.json"))["label"] == row["label"]


def test_a_second_announcement_changes_nothing(start_system: StartSystem):
    system = start_system(workers=1, consumers=1)
    with system.client() as client:
        id = post(client, "coffee.png")
        wait_until_finished(client, [id])
        row = read(client, id)
        record = {**json.loads(system.read(f"{id}.json")), "label": "another", "finished_at": "2030-01-01T00:00:00Z"}
        message = {"version": 1, "id": id, "key": record["input_key"], "value": "another", "record": record}
        system.sqs.send_message(QueueUrl=system.queue_url("recognition-responses"), MessageBody=json.dumps(message))
        check_queues_are_empty(system)
        assert read(client, id) == row
