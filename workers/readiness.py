"""Notifies systemd when the worker is ready and when it stops. Without NOTIFY_SOCKET it does nothing.

The protocol is sd_notify(3). PyPI's sdnotify hides every error: systemd would kill a worker whose notification was
lost, with nothing in the log.
"""

import os
import socket
from typing import Any

import structlog

log = structlog.get_logger()


def ready(**_: Any) -> None:
    """Handle Celery's signal worker_ready: the model is warm and the consumer receives."""
    _notify("READY=1")


def stopping(**_: Any) -> None:
    """Handle Celery's signal worker_shutting_down."""
    _notify("STOPPING=1")


def _notify(state: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]  # an abstract socket, not a file
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifications:
            notifications.sendto(state.encode(), address)
    except OSError as error:
        log.error("could not notify systemd", state=state, reason=str(error))
