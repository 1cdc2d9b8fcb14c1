"""An emulator that Terraform applies to, and the stack on it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from infra.local.ports import free_ports
from tests.infra.terraform import Workspace

READY_SECONDS = 60


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a moto server, which emulates what Terraform makes; it evaluates no alarms and starts nothing."""
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    with (tmp_path_factory.mktemp("moto") / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            env={**os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"},
            stdout=log,
            stderr=log,
        )
        try:
            deadline = time.monotonic() + READY_SECONDS
            while True:
                try:
                    httpx.get(url)
                    break
                except httpx.TransportError:
                    assert process.poll() is None and time.monotonic() < deadline, "moto did not start"
                    time.sleep(0.1)
            yield url
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, moto: str) -> Workspace:
    """The minimal example, in a copy whose plans ask the emulator."""
    return Workspace(tmp_path_factory.mktemp("stack"), "examples/minimal", moto)
