"""The task's message as it lies on the request queue, read without Celery."""

import base64
import json
from typing import Any

from project import contract
from project.contract import ContractError, Request


def request_in(message: str) -> Request:
    """Return the request that a task's message carries. Raises ContractError."""
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
    """Return JSON as it is, or out of the base64 that Celery wraps it in by default."""
    return text if text.lstrip()[:1] in ("{", "[") else base64.b64decode(text, validate=True).decode()
