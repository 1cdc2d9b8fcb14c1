"""A site as a real process on a free port, which shares the tests' database and AWS."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from infra.local.ports import free_ports
from tests.conftest import ROOT
from tests.records import environment


@dataclass(frozen=True)
class Site:
    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def site_running(through: Sequence[str] = (), **variables: str) -> Iterator[Site]:
    """Run a site and wait until it answers; kill it at the end.

    through: a command that becomes the one that follows it, such as `nice`.
    """
    [port] = free_ports(1)
    protocol = ["--http", "classify_app.http.header_limit:HeaderLimitProtocol"]
    uvicorn = ["-m", "uvicorn", "project.asgi:application", "--port", str(port), "--lifespan", "on", *protocol]
    process = subprocess.Popen(
        [*through, sys.executable, *uvicorn],
        cwd=ROOT,
        env=environment(**variables),
        stderr=subprocess.DEVNULL,
    )
    site = Site(port, process.pid)
    try:
        deadline = time.monotonic() + 30
        while not is_up(site):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        yield site
    finally:
        process.kill()
        process.wait(10)


def is_up(site: Site) -> bool:
    try:
        return httpx.get(f"{site.url}/healthz").text == "ok\n"
    except httpx.TransportError:
        return False
