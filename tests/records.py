"""Rows, the records that a worker would return for them, and a fake worker without a model."""

import base64
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from django.db import connection

from classify_app.intake import outbox
from classify_app.models import Classification, new_id
from classify_app.results.consumer import settle
from project import contract, env
from project.aws import queues, storage
from project.aws.clients import sqs
from project.contract import Prediction, Record, announcement
from project.settings import BASE_DIR
from tests.pictures import jpeg, png

TOP5 = (
    Prediction("tabby", 281, 0.7),
    Prediction("tiger cat", 282, 0.15),
    Prediction("Egyptian cat", 285, 0.1),
    Prediction("lynx", 287, 0.04),
    Prediction("tub", 876, 0.01),
)


PICTURE = png((8, 8))
THUMBNAIL = jpeg((16, 16))


def row(**fields: Any) -> Classification:
    """Return a saved row as `submit` leaves it; without a picture in the bucket and without a message."""
    id = fields.pop("id", None) or new_id()
    about = {
        "file_name": "cat.png",
        "input_key": f"{id}.png",
        "format": "PNG",
        "width": 8,
        "height": 8,
        "bytes": len(PICTURE),
    }
    return Classification.objects.create(id=id, **{**about, **fields})


def done(row: Classification, **changes: Any) -> Record:
    return _record(
        row,
        {
            "state": contract.DONE,
            "label": TOP5[0].label,
            "confidence": TOP5[0].confidence,
            "top5": TOP5,
            "width": row.width,
            "height": row.height,
            "format": row.format,
            "thumbnail": base64.b64encode(THUMBNAIL).decode(),
            **changes,
        },
    )


def failed(row: Classification, **changes: Any) -> Record:
    return _record(
        row,
        {
            "state": contract.FAILED,
            "error_code": "broken",
            "error": "The picture is truncated or broken.",
            **changes,
        },
    )


def _record(row: Classification, fields: dict[str, Any]) -> Record:
    about = {
        "id": str(row.id),
        "input_key": row.input_key,
        "file_name": row.file_name,
        "model": "resnet50",
        "weights": "IMAGENET1K_V2",
        "fallback": False,
        "started_at": "2026-01-01T00:00:00+00:00",
        "finished_at": "2026-01-01T00:00:01+00:00",
        "worker": "worker@host",
    }
    return Record(**{**about, **fields})


def requests() -> list[dict[str, Any]]:
    """Take the messages off the request queue, once the outbox is empty; return the arguments of each."""
    outbox.flush()
    url = env.aws().request_queue_url
    taken = []
    while messages := sqs().receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            taken.append(arguments_of(message["Body"]))
            sqs().delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return taken


def arguments_of(message: str) -> dict[str, Any]:
    """Return the keyword arguments in a task's message."""
    arguments: dict[str, Any] = json.loads(json.loads(message)["body"])[1]
    return arguments


def announce(record: Record) -> None:
    """Announce a record as a worker does; return once SQS has confirmed it."""
    queues.send(env.aws().response_queue_url, announcement(record))


def finish(record: Record) -> None:
    """Store and announce a record as a worker does, then write what is announced as a consumer does."""
    url = env.aws().response_queue_url
    announce(storage.put_record(record))
    queues.delete(url, settle(queues.receive(url, wait_seconds=0)))


@contextmanager
def answering(answer: Callable[[Classification], Record] = done) -> Iterator[None]:
    """Answer every request on the queue, in a separate thread."""
    stop = threading.Event()

    def work() -> None:
        try:
            while not stop.wait(0.02):
                for arguments in requests():
                    # A site of another process may send the message of an earlier test's row, which is deleted by now.
                    for queued in Classification.objects.filter(id=UUID(arguments["id"])):
                        finish(answer(queued))
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


@contextmanager
def missing_table() -> Iterator[None]:
    """Rename the table of classifications, so that every query fails."""
    table = Classification._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO missing")
        try:
            yield
        finally:
            cursor.execute(f"ALTER TABLE missing RENAME TO {table}")


@contextmanager
def command_running(command: str, ready: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command of manage.py in a process and wait until it logs `ready`; kill it at the end."""
    environ = environment(**variables)
    process = subprocess.Popen(
        [sys.executable, "manage.py", *command.split()],
        cwd=BASE_DIR,
        env=environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while ready not in process.stderr.readline():
            assert process.poll() is None
        yield process
    finally:
        killed = process.poll() is None
        process.kill()
        process.communicate()
        if killed:
            time.sleep(int(environ["LONG_POLL_SECONDS"]))  # until the abandoned long poll is over


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a process that shares the tests' database."""
    name = str(connection.settings_dict["NAME"])
    url = f"sqlite:///{name}"
    if connection.vendor != "sqlite":
        url = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=name))
    return {**os.environ, "DATABASE_URL": url, **variables}
