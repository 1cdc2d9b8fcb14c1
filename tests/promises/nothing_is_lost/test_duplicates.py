"""A message that comes twice, to two workers at the same time and again after it is done: one result each."""

import json

from tests.system.conftest import StartSystem
from tests.system.harness import OUTPUT_BUCKET, REQUESTS, System, wait_until
from tests.system.photos import RIGHT, check_all_done_and_right, check_queues_are_empty, post, read, wait_until_finished

COPIES = 3


def bodies_on(system: System) -> list[str]:
    """Return the bodies of all waiting requests and leave them where they are."""
    url, bodies = system.queue_url(REQUESTS), []
    while messages := system.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            bodies.append(message["Body"])
            system.sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=30
            )
    return bodies


def send(system: System, bodies: list[str]) -> None:
    for body in bodies:
        system.sqs.send_message(QueueUrl=system.queue_url(REQUESTS), MessageBody=body)


def versions(system: System) -> dict[str, str]:
    """Return when each stored record was written: one that is written again gets another time."""
    found = system.s3.list_objects_v2(Bucket=OUTPUT_BUCKET)["Contents"]
    return {stored["Key"]: str(stored["LastModified"]) for stored in found if stored["Key"].endswith(".json")}


def test_copies_at_the_same_time_and_afterwards_change_nothing(start_system: StartSystem):
    system = start_system(workers=0, consumers=2)
    with system.client() as client:
        ids = [post(client, name) for name in RIGHT]
        system.wait_until_sent(len(ids))
        bodies = bodies_on(system)
        assert len(bodies) == len(ids)
        send(system, bodies * COPIES)
        for name in ("worker1", "worker2"):
            system.start_worker(name)
        system.wait_until_ready()
        check_all_done_and_right(system, client, ids)
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
