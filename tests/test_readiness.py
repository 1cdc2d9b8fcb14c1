"""Notifications of a worker without systemd, or with an unusual socket."""

import socket

import pytest
from structlog.testing import capture_logs

from workers import readiness


def test_without_a_socket_nothing_is_sent(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    with capture_logs() as logs:
        readiness.ready()
    assert logs == []


def test_an_abstract_socket_is_notified(monkeypatch: pytest.MonkeyPatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("")  # and so to a name that the kernel chooses
        name = listening.getsockname()
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name[1:].decode())
        readiness.ready()
        listening.settimeout(5)
        assert listening.recv(100) == b"READY=1"


def test_a_missing_socket_is_logged(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/notify")
    with capture_logs() as logs:
        readiness.ready()
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("could not notify systemd", "error")]
