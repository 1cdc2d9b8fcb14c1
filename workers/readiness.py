"""Tells systemd when the worker takes pictures and when it stops; elsewhere, without NOTIFY_SOCKET, tells nobody.

The protocol is sd_notify(3). PyPI's sdnotify speaks it too, and swallows every error: a worker that could not say that
it is ready would be ended for it, with nothing in its log.
"""

import os
import socket
from typing import Any

import structlog

log = structlog.get_logger()


def ready(**_: Any) -> None:
    """Answer Celery's signal that the consumer has begun to receive, which it does once the model is warm."""
    _tell("READY=1")


def stopping(**_: Any) -> None:
    """Answer Celery's signal that the worker was asked to stop."""
    _tell("STOPPING=1")


def _tell(state: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]  # an abstract socket, which has no file
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifications:
            notifications.sendto(state.encode(), address)
    except OSError as error:
        log.error("systemd can't be told", state=state, reason=str(error))
