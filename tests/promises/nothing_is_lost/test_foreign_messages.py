"""Messages that are malformed, foreign or of a newer version become dead letters and block no others."""

import json

from tests.system.conftest import StartSystem
from tests.system.harness import DEAD_LETTERS, REQUESTS, RESPONSES, SHORT_VISIBILITY, System, wait_until
from tests.system.photos import RIGHT, post, read, wait_until_finished

FOREIGN = ["nonsense", "{}", "[1, 2]", '{"Records": [{"eventName": "ObjectCreated:Put"}]}', "bm9uc2Vuc2U=", "\u2603"]


def task(name: str = "classify", **arguments: object) -> str:
    """Return a task's message as Celery writes it."""
    options = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    return json.dumps(
        {
            "body": json.dumps([[], arguments, options]),
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "headers": {"task": name, "id": "9d7a3b1e", "lang": "py", "retries": 0, "argsrepr": "", "kwargsrepr": ""},
            "properties": {"correlation_id": "9d7a3b1e", "delivery_mode": 2, "body_encoding": "utf-8"},
        }
    )


REQUESTS_NOT_OURS = [
    *FOREIGN,
    task("another"),
    task(),
    task(id="cat", input_key="cat.png", version=2),
    task(id="cat", input_key="cat.png", version=1, mood="good"),
]
RESPONSES_NOT_OURS = [*FOREIGN, json.dumps({"version": 2, "id": "cat", "key": "cat.png", "value": "cat", "record": {}})]


def send(system: System, queue: str, bodies: list[str]) -> None:
    for body in bodies:
        system.sqs.send_message(QueueUrl=system.queue_url(queue), MessageBody=body)


def test_foreign_messages_become_dead_letters_and_the_others_are_done(start_system: StartSystem):
    system = start_system(workers=0, consumers=0)
    system.set_queue(REQUESTS, VisibilityTimeout=SHORT_VISIBILITY, max_receives=2)
    system.set_queue(RESPONSES, VisibilityTimeout=1, max_receives=2)
    system.start_worker("worker1")
    system.start_consumer("results1")
    system.wait_until_ready()
    send(system, REQUESTS, REQUESTS_NOT_OURS)
    send(system, RESPONSES, RESPONSES_NOT_OURS)
    with system.client() as client:
        ids = [post(client, name) for name in RIGHT]
        wait_until_finished(client, ids)
        assert {read(client, id)["state"] for id in ids} == {"done"}
        expected = [len(REQUESTS_NOT_OURS), len(RESPONSES_NOT_OURS)]
        wait_until(
            lambda: [system.depth(queue).waiting for queue in DEAD_LETTERS] == expected, 120, "all are dead letters"
        )
        assert system.depth(REQUESTS) == system.depth(RESPONSES) == (0, 0)
        assert {name: process.poll() for name, process in system.processes.items()} == dict.fromkeys(system.processes)
        last = post(client, "coffee.png")
        wait_until_finished(client, [last])
        assert read(client, last)["state"] == "done"
