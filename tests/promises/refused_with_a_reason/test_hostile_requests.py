"""Messages on the request queue that are not tasks, or have a wrong Celery field: the worker continues."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.promises.refused_with_a_reason.messages import NO_JSON, mutations, written
from tests.promises.refused_with_a_reason.test_hostile_uploads import CATS, post_good
from tests.system.conftest import StartSystem
from tests.system.harness import REQUESTS, System, wait_until

ID = "018f3f5e-0000-7000-8000-000000000001"
TAKE_SECONDS = 120
MAX_BYTES = 256 * 1024  # more SQS does not take


def envelope(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return a task's message as Celery writes it over SQS."""
    embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    headers = {"lang": "py", "task": "classify", "id": ID, "eta": None, "expires": None, "group": None, "retries": 0}
    more = {"timelimit": [None, None], "root_id": ID, "parent_id": None, "argsrepr": "()", "kwargsrepr": "{}"}
    properties = {
        "correlation_id": ID,
        "reply_to": ID,
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": REQUESTS},
        "priority": 0,
        "body_encoding": "utf-8",
        "delivery_tag": ID,
    }
    return {
        "body": json.dumps([[], arguments, embed]),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {**headers, **more},
        "properties": properties,
    }


def hostile_messages() -> list[str]:
    arguments = {"id": ID, "input_key": f"{ID}.png", "version": 1}
    wrong_envelopes = [written(document) for _, document in mutations(envelope(arguments))]
    wrong_arguments = [written(envelope(document)) for _, document in mutations(arguments)]
    return [text for text in (*NO_JSON, *wrong_envelopes, *wrong_arguments) if 0 < len(text) < MAX_BYTES]


def send_all(system: System, texts: list[str]) -> None:
    url = system.queue_url(REQUESTS)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda text: system.sqs.send_message(QueueUrl=url, MessageBody=text), texts))


def test_a_worker_survives_hostile_messages(start_system: StartSystem) -> None:
    system = start_system(workers=1)
    send_all(system, hostile_messages())
    wait_until(lambda: system.depth(REQUESTS).waiting == 0, TAKE_SECONDS, "all are taken once")
    with system.client(timeout=90) as client:
        assert post_good(client)["label"] in CATS
    assert system.processes["worker1"].poll() is None
