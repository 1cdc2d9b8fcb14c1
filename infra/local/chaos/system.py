"""The processes of a system that is to be disturbed, each started again as soon as it ends."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import httpx

from infra.local.environment import ACCOUNT, ROOT, emulator_environment, environment
from infra.local.faults import Proxy
from infra.local.stack import MAKE_TOKEN, processes
from project.env import ConfigurationError, Local

READY_SECONDS = 120
LOOK_SECONDS = 0.2
WORKERS, CONSUMERS = 2, 2
STALE_SECONDS = 5
MAKE_USER = ("createsuperuser", "--noinput", "--username=admin", "--email=admin@example.org")


class System:
    """A running system. Its processes reach AWS through `proxy`, which makes faults; `s3` and `sqs` go past it."""

    def __init__(self, state: Path, ports: Local) -> None:
        self.site = f"http://127.0.0.1:{ports.web_port}"
        self.token = ""
        self.restarts = 0
        self._state = state
        self._ports = ports
        self._aws_url = f"http://127.0.0.1:{ports.aws_port}"
        self.proxy = Proxy(self._aws_url)
        self._commands: dict[str, list[str]] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()

    @property
    def names(self) -> list[str]:
        """The processes that may be killed."""
        return sorted(self._commands)

    def queue_url(self, name: str) -> str:
        return f"{self._aws_url}/{ACCOUNT}/{name}"

    @cached_property
    def s3(self) -> Any:
        return self._client("s3")

    @cached_property
    def sqs(self) -> Any:
        return self._client("sqs")

    def _client(self, service: str) -> Any:
        keys: Any = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
        return boto3.client(service, endpoint_url=self._aws_url, region_name="us-east-1", **keys)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a process a signal; it is started again once it has ended."""
        with self._lock:
            os.killpg(self._running[name].pid, number)

    def environment(self, endpoint_url: str) -> dict[str, str]:
        return {
            **environment(self._ports, self._state),
            "AWS_ENDPOINT_URL": endpoint_url,
            "DATABASE_URL": f"sqlite:///{self._state}/db.sqlite3",
            "STALE_AFTER_SECONDS": str(STALE_SECONDS),
            "LONG_POLL_SECONDS": "1",
        }

    def log(self, name: str) -> Path:
        return self._state / f"{name}.log"

    def _start(self, name: str, command: list[str], environ: dict[str, str]) -> subprocess.Popen[bytes]:
        with self.log(name).open("ab") as log:
            return subprocess.Popen(command, env=environ, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)

    def _prepare(self) -> None:
        environ = {**self.environment(self._aws_url), "DJANGO_SUPERUSER_PASSWORD": "not used"}
        for arguments in (["-m", "infra.local.resources"], ["manage.py", "migrate"], ["manage.py", *MAKE_USER]):
            self._run(arguments, environ)
        self._run(["-m", "infra.local.static_files"], environ)
        self.token = self._run(["manage.py", *MAKE_TOKEN], environ).strip()

    def _run(self, arguments: list[str], environ: dict[str, str]) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ConfigurationError(f"{' '.join(arguments)} failed:\n{done.stderr or done.stdout}")
        return done.stdout

    def _start_all(self) -> None:
        for process in processes(self._ports, self.environment(self.proxy.url)):
            command = shlex.split(
                process.command.replace("%%h", "%h").replace("--every 60", f"--every {STALE_SECONDS}")
            )
            copies = {"worker": WORKERS, "results": CONSUMERS, "flower": 0}.get(process.name, 1)
            for number in range(1, copies + 1):
                name = f"{process.name}{number}" if copies > 1 else process.name
                self._commands[name] = [part.replace("worker@", f"{name}@") for part in command]

    def _keep_running(self) -> None:
        environ = self.environment(self.proxy.url)
        while not self._ended.wait(LOOK_SECONDS):
            with self._lock:
                for name, command in self._commands.items():
                    process = self._running.get(name)
                    if process is None or process.poll() is not None:
                        self.restarts += process is not None
                        self._running[name] = self._start(name, command, environ)

    def _end_all(self) -> None:
        self._ended.set()
        with self._lock:
            for process in self._running.values():
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextmanager
def running(state: Path, ports: Local) -> Iterator[System]:
    """Start a system and wait until it classifies; kill all of it at the end."""
    system = System(state, ports)
    emulator_environ = emulator_environment(ports, state, keep=False)
    with system.log("aws").open("wb") as log:
        emulator = subprocess.Popen(
            [sys.executable, "-m", "infra.local.emulator"], env=emulator_environ, cwd=state, stdout=log, stderr=log
        )
    keeper = threading.Thread(target=system._keep_running, daemon=True)
    try:
        _wait(system._aws_url, system.log("aws"))
        system._prepare()
        system.proxy.start()
        system._start_all()
        keeper.start()
        _wait(f"{system.site}/healthz", system.log("web"))
        yield system
    finally:
        system._end_all()
        if keeper.is_alive():
            keeper.join()
        emulator.kill()
        emulator.wait()


def _wait(url: str, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=2).status_code < 500:
                return
        except httpx.TransportError:
            time.sleep(LOOK_SECONDS)
    raise ConfigurationError(f"{url} does not answer; {log} says why:\n{log.read_text(errors='replace')[-2000:]}")
