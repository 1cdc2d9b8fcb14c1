"""Read a task's message from the request queue without Celery."""

import base64
import json
from typing import Any

from project import contract
from project.contract import ContractError, Request


def request_in(message: str) -> Request:
    """Return the request in a task's message. Raises ContractError."""
    try:
        envelope = json.loads(_plain(message))
        name = envelope["headers"]["task"]
        _, arguments, _ = json.loads(_plain(envelope["body"]))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ContractError(f"not a task's message: {error}") from error
    if name != contract.TASK_NAME:
        raise ContractError(f"the task is {name!r:.100}, not {contract.TASK_NAME!r}")
    return contract.request_of(arguments)


def _plain(text: Any) -> str:
    """Return JSON as it is, or decoded from base64, Celery's default encoding."""
    return text if text.lstrip()[:1] in ("{", "[") else base64.b64decode(text, validate=True).decode()
