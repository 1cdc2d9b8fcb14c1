"""A local stack: emulator first, then queues, database and the processes, which a supervisor restarts."""

import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Callable, Collection, Iterator, Mapping
from configparser import RawConfigParser
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from supervisor.states import ProcessStates
from supervisor.xmlrpc import SupervisorTransport

from infra.local import checks
from infra.local.environment import ROOT, STATE, aws_url, emulator_environment, environment, logs
from project.env import Aws, ConfigurationError, Local, Worker, read

READY_SECONDS = 600  # the model's weights may have to be downloaded
EMULATOR_STOP_SECONDS = 60
STOP_MARGIN_SECONDS = 20  # a worker's, to give back what it can't finish and to end
LOG_TAIL_LINES = 15
ALL = ("web", "worker", "results", "dead-letters", "sweeper", "flower")
"""The names of the processes."""

WORKER = (
    "-m celery -A workers.app worker --hostname {name}@%h --heartbeat-interval 30 --without-gossip --without-mingle"
)
"""How Python starts a worker of this name."""

# What the worker logs.
READY_LINE = "ready to take pictures"
FALLBACK_LINE = "no weights for this model, using the fallback"
RESET_ADMIN = """
from django.contrib.auth import get_user_model
admin, _ = get_user_model().objects.get_or_create(username="admin", is_staff=True, is_superuser=True)
admin.set_password(os.environ["ADMIN_PASSWORD"])
admin.save()
"""
MAKE_TOKEN = ("create_token", "admin", "--name=local stack", "--scope=read", "--scope=write", "--replace")


@dataclass(frozen=True)
class Process:
    """A process under the supervisor; `stop_seconds` is what it gets to end what it holds."""

    name: str
    command: str
    stop_seconds: int = 15


@dataclass(frozen=True)
class Stack:
    """A running stack: where it is, the administrator's password and API token, new at every start, and its health.

    `supervisor` is supervisord's XML-RPC interface, which stops and starts processes by their names.
    """

    site: str
    flower: str
    admin_password: str
    token: str
    state: Path
    emulator_pid: int
    supervisor: Any

    @property
    def logs(self) -> Path:
        return logs(self.state)

    def gave_up(self) -> str | None:
        """Return the name of a process that ended too often to be started again."""
        states = self.supervisor.getAllProcessInfo()
        return next((str(one["name"]) for one in states if one["state"] == ProcessStates.FATAL), None)

    def pids(self) -> dict[str, int]:
        return {one["name"]: one["pid"] for one in self.supervisor.getAllProcessInfo()}

    def fell_back(self) -> bool:
        """Tell whether the worker classifies by the fallback model."""
        return self.worker_said(FALLBACK_LINE)

    def worker_said(self, line: str) -> bool:
        log = self.logs / "worker.log"
        return log.exists() and line in log.read_text(errors="replace")


def processes(ports: Local, environ: Mapping[str, str]) -> list[Process]:
    """Return the processes as they run with these variables."""
    drain_seconds, poll_seconds = read(Worker, environ).drain_seconds, read(Aws, environ).long_poll_seconds
    celery = f"{sys.executable} -m celery"
    return [
        Process(
            "web",
            f"{sys.executable} -m uvicorn project.asgi:application --host 127.0.0.1 --port {ports.web_port}"
            " --lifespan on --http classify_app.http.header_limit:HeaderLimitProtocol"
            " --timeout-graceful-shutdown 5 --no-access-log",
        ),
        Process(
            "worker",
            f"{sys.executable} {WORKER.format(name='worker')}".replace("%", "%%"),
            stop_seconds=drain_seconds + poll_seconds + STOP_MARGIN_SECONDS,
        ),
        Process("results", f"{sys.executable} manage.py consume_results"),
        Process("dead-letters", f"{sys.executable} manage.py consume_dead_letters"),
        Process("sweeper", f"{sys.executable} manage.py resubmit_stale --every 60"),
        Process(
            "flower",
            f"{celery} -A project.broker.flower flower --address=127.0.0.1 --port={ports.flower_port}"
            " --enable_events=False",
            stop_seconds=2,  # It holds nothing, and its long poll would take 20 s to end.
        ),
    ]


@contextmanager
def running(
    ports: Local,
    say: Callable[[str], None],
    *,
    state: Path = STATE,
    names: Collection[str] = ALL,
    settings: Mapping[str, str] | None = None,
    keep: bool = True,
) -> Iterator[Stack]:
    """Start everything, wait until it is ready, and stop it in order at the end. Raises ConfigurationError.

    `names` may leave processes out; `settings` are variables that override the environment's; what is in S3 and SQS
    outlives the run where `keep` is true.
    """
    checks.check_machine(ports)
    shutil.rmtree(logs(state), ignore_errors=True)
    logs(state).mkdir(parents=True)
    environ = {**environment(ports, state), **(settings or {})}
    password = secrets.token_urlsafe(12)
    with _emulator(ports, state, keep) as emulator_pid:
        say("making buckets and queues")
        _run([sys.executable, "-m", "infra.local.resources"], environ)
        say("preparing the database and the static files")
        _run([sys.executable, "manage.py", "migrate", "--verbosity=0"], environ)
        _run([sys.executable, "-m", "infra.local.static_files"], environ)
        _run([sys.executable, "manage.py", "shell", "-c", RESET_ADMIN], {**environ, "ADMIN_PASSWORD": password})
        token = _run([sys.executable, "manage.py", *MAKE_TOKEN], environ).strip()
        say("starting " + ", ".join(names) + "; the worker loads its model")
        programs = [process for process in processes(ports, environ) if process.name in names]
        with _supervised(programs, environ, logs(state)) as supervisor:
            site, flower = f"http://127.0.0.1:{ports.web_port}", f"http://127.0.0.1:{ports.flower_port}"
            stack = Stack(site, flower, password, token, state, emulator_pid, supervisor)
            _wait_until_ready(stack, names)
            yield stack


@contextmanager
def _emulator(ports: Local, state: Path, keep: bool) -> Iterator[int]:
    """Run the emulator; yield its process id."""
    log = (logs(state) / "aws.log").open("w")
    emulator = subprocess.Popen(
        [sys.executable, "-m", "infra.local.emulator"],
        env=emulator_environment(ports, state, keep),
        cwd=state,
        stdout=log,
        stderr=log,
        start_new_session=True,  # Ctrl-C must reach it last, not at once.
    )
    try:
        _wait(lambda: _answers(aws_url(ports)), lambda: _ended(emulator, "aws"), "aws", logs(state))
        yield emulator.pid
    finally:
        emulator.terminate()
        try:
            emulator.wait(EMULATOR_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            emulator.kill()


@contextmanager
def _supervised(programs: list[Process], environ: dict[str, str], logs: Path) -> Iterator[Any]:
    """Run programs under supervisord; yield its XML-RPC interface."""
    # Not below STATE: the path of a Unix socket may have about 100 characters.
    with tempfile.TemporaryDirectory(prefix="recognition-") as folder:
        socket = f"{folder}/supervisor.sock"
        configuration = Path(folder, "supervisord.conf")
        with configuration.open("w") as file:
            _configuration(programs, folder, socket, logs).write(file)
        daemon = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-n", "-s", "-c", str(configuration)],
            env=environ,
            cwd=ROOT,
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(lambda: Path(socket).exists(), lambda: _ended(daemon, "supervisord"), "supervisord", logs)
            control: Any = xmlrpc.client.ServerProxy("http://local", SupervisorTransport(serverurl=f"unix://{socket}"))
            yield control.supervisor
        finally:
            daemon.terminate()
            daemon.wait()


def _configuration(programs: list[Process], folder: str, socket: str, logs: Path) -> RawConfigParser:
    configuration = RawConfigParser()
    configuration["supervisord"] = {
        "logfile": str(logs / "supervisord.log"),
        "pidfile": f"{folder}/supervisord.pid",
        "directory": str(ROOT),
    }
    configuration["unix_http_server"] = {"file": socket, "chmod": "0600"}
    configuration["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    for program in programs:
        configuration[f"program:{program.name}"] = {
            "command": program.command,
            "redirect_stderr": "true",
            "stdout_logfile": str(logs / f"{program.name}.log"),
            "autorestart": "true",
            "startsecs": "5",
            "startretries": "2",
            "stopwaitsecs": str(program.stop_seconds),
            "killasgroup": "true",
        }
    return configuration


def _wait_until_ready(stack: Stack, names: Collection[str]) -> None:
    ready = {
        "web": lambda: _answers(f"{stack.site}/healthz"),
        "worker": lambda: stack.worker_said(READY_LINE),
        "flower": lambda: _answers(f"{stack.flower}/healthcheck"),
    }
    for name in ready.keys() & names:
        _wait(ready[name], stack.gave_up, name, stack.logs)


def _wait(ready: Callable[[], bool], gave_up: Callable[[], str | None], name: str, logs: Path) -> None:
    """Wait until `ready`. Raises ConfigurationError for the process that gave up, or for `name` after READY_SECONDS."""
    deadline = time.monotonic() + READY_SECONDS
    while not ready():
        culprit = gave_up() or (name if time.monotonic() > deadline else None)
        if culprit:
            log = logs / f"{culprit}.log"
            raise ConfigurationError(f"{culprit} did not start. The end of its log, {log}:\n{last_lines(log)}")
        time.sleep(0.2)


def _ended(process: subprocess.Popen[bytes], name: str) -> str | None:
    return None if process.poll() is None else name


def last_lines(log: Path) -> str:
    """Return the end of a process's log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]) if log.exists() else ""


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code < 500
    except httpx.TransportError:
        return False


def _run(command: list[str], environ: dict[str, str]) -> str:
    """Run a command to its end and return what it prints. Raises ConfigurationError."""
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigurationError(f"{' '.join(command[1:3])} failed:\n{done.stderr or done.stdout}")
    return done.stdout
