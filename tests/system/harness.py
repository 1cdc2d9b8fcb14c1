"""The whole system as real processes on free ports, for black-box tests."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import boto3
import httpx

ROOT = Path(__file__).resolve().parents[2]
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "TORCH_HOME", "XDG_CACHE_HOME", "MODEL_FALLBACK")
READY_SECONDS = 90
SEND_SECONDS = 30
SHORT_VISIBILITY = 8
LOG_TAIL_BYTES = 3000

INPUT_BUCKET = "recognition-input"
OUTPUT_BUCKET = "recognition-output"
REQUESTS = "recognition-requests"
RESPONSES = "recognition-responses"
EVENTS = "recognition-events"
REQUEST_DEAD_LETTERS, RESPONSE_DEAD_LETTERS = DEAD_LETTERS = (
    "recognition-requests-dead-letters",
    "recognition-responses-dead-letters",
)

ADMIN = "admin"
PASSWORD = "a passphrase of the system tests"

REFUSE_DJANGO = """
import sys


class Refusal:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("django", "ninja", "classify_app"):
            raise ImportError(f"{name} is refused: a worker has no Django")


sys.meta_path.insert(0, Refusal())
"""

HOLD_PICTURES = """
import os, time
import project.aws.storage as storage
get_picture = storage.get_picture
def waiting(key):
    found = get_picture(key)
    while os.path.exists({switch!r}):
        time.sleep(0.1)
    return found
storage.get_picture = waiting
"""

PREPARED: list[tuple[bytes, str]] = []
"""The database file of the first system that was prepared, and the administrator's token in it."""

Met = TypeVar("Met")


class Depth(NamedTuple):
    """The number of a queue's messages that are visible, and that are in flight."""

    waiting: int
    held: int


def wait_until(condition: Callable[[], Met], seconds: float, what: str) -> Met:
    """Return the condition's value as soon as it is true; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (met := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return met


def free_ports(count: int) -> list[int]:
    with ExitStack() as probes:
        sockets = [probes.enter_context(socket.socket()) for _ in range(count)]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in sockets]


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code < 500
    except httpx.TransportError:
        return False


class System:
    """The processes of one system, by name, with their logs in the folder `state`."""

    def __init__(self, state: Path, database_url: str | None = None, **web_variables: str) -> None:
        self.state = state
        self.aws_port, self.web_port, self.flower_port, self.proxy_port = free_ports(4)
        self.aws_url = f"http://127.0.0.1:{self.aws_port}"
        self.endpoint_url = self.aws_url
        """The AWS endpoint of the processes: the emulator, or a proxy in front of it that injects faults."""
        self.site = f"http://127.0.0.1:{self.web_port}"
        self.flower = f"http://127.0.0.1:{self.flower_port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.token = ""
        self._database_file = state / "db.sqlite3"
        self._database_file_url = f"sqlite:///{self._database_file}"
        self._database_url = database_url or self._database_file_url
        self._web_variables = web_variables
        self.worker_variables: dict[str, str] = {}
        self._worker_site = state / "worker-site"
        self._worker_site.mkdir()
        self.in_workers("")

    def in_workers(self, code: str) -> None:
        """Make workers that are started from now on, and their child processes, run some code first."""
        (self._worker_site / "sitecustomize.py").write_text(REFUSE_DJANGO + code)

    def hold_pictures(self, switch: Path) -> None:
        """Create a file. Workers that are started from now on wait with each fetched picture while it exists."""
        switch.touch()
        self.in_workers(HOLD_PICTURES.format(switch=str(switch)))

    def queue_url(self, name: str) -> str:
        return f"{self.aws_url}/000000000000/{name}"

    @property
    def _environment(self) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in INHERITED if name in os.environ},
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": "system-tests",
            "AWS_SECRET_ACCESS_KEY": "system-tests",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "INPUT_BUCKET": INPUT_BUCKET,
            "OUTPUT_BUCKET": OUTPUT_BUCKET,
            "REQUEST_QUEUE_URL": self.queue_url(REQUESTS),
            "RESPONSE_QUEUE_URL": self.queue_url(RESPONSES),
            "EVENT_QUEUE_URL": self.queue_url(EVENTS),
            "LONG_POLL_SECONDS": "3",  # A stopping process waits for its long poll.
        }

    @property
    def web_environment(self) -> dict[str, str]:
        return {
            **self._environment,
            "REQUEST_DEAD_LETTER_QUEUE_URL": self.queue_url(REQUEST_DEAD_LETTERS),
            "RESPONSE_DEAD_LETTER_QUEUE_URL": self.queue_url(RESPONSE_DEAD_LETTERS),
            "SECRET_KEY": "of the system tests alone, and long enough for Django",
            "DATABASE_URL": self._database_url,
            "HTTPS": "0",
            **self._web_variables,
        }

    @property
    def worker_environment(self) -> dict[str, str]:
        """The environment of a worker: no secret key and no database. Django is installed, but can't be imported."""
        path = f"{self._worker_site}{os.pathsep}{ROOT}"
        return {"MODEL_FALLBACK": "1", **self._environment, "PYTHONPATH": path, **self.worker_variables}

    def python(self, *arguments: str, status: int = 0, **variables: str) -> str:
        """Run a command of the web tier, which must exit with `status`; return its output."""
        environ = {**self.web_environment, **variables}
        command = [sys.executable, *arguments]
        done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == status, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr if status else done.stdout

    def start_emulator(self) -> None:
        variables = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(self.aws_port), "SERVICES": "s3,sqs"}
        self._start("aws", ["-m", "infra.local.emulator"], {**self._environment, **variables}, cwd=self.state)
        self._wait_for("aws", lambda: answers(self.aws_url))

    def start_proxy(self) -> None:
        """Start a proxy in front of the emulator, for processes that are started from now on."""
        upstream = ["--port", str(self.proxy_port), "--upstream", self.aws_url]
        self._start("proxy", ["-m", "infra.local.faults", *upstream])
        self.endpoint_url = f"http://127.0.0.1:{self.proxy_port}"
        self._wait_for("proxy", lambda: answers(self.endpoint_url))

    def fault(self, kind: str, **which: Any) -> None:
        """Begin a fault of AWS's, or end it by the kind `none`; see infra/local/faults.py."""
        httpx.put(f"{self.endpoint_url}/_faults", json={"kind": kind, **which}).raise_for_status()

    def prepare(self) -> None:
        """Make buckets, queues, tables, static files, an administrator and a token of theirs."""
        self.python("-m", "infra.local.resources")
        self.python("-m", "infra.local.static_files")
        if self._database_url != self._database_file_url:
            self.token = self._fill_database()
            return
        # A database file is the same for every system, so it is made once and then copied.
        if not PREPARED:
            token = self._fill_database()
            PREPARED.append((self._database_file.read_bytes(), token))
        content, self.token = PREPARED[0]
        self._database_file.write_bytes(content)

    def _fill_database(self) -> str:
        """Make tables, an administrator and a token of theirs; return the token."""
        self.python("manage.py", "migrate", "--verbosity=0")
        account = {"USERNAME": ADMIN, "EMAIL": "admin@example.org", "PASSWORD": PASSWORD}
        variables = {f"DJANGO_SUPERUSER_{name}": value for name, value in account.items()}
        self.python("manage.py", "createsuperuser", "--noinput", **variables)
        return self.create_token(ADMIN, "read", "write")

    def create_token(self, username: str, *scopes: str) -> str:
        options = [f"--scope={scope}" for scope in scopes]
        return self.python("manage.py", "create_token", username, "--name=system tests", *options).strip()

    def start_web(self) -> None:
        options = ["--host", "127.0.0.1", "--port", str(self.web_port), "--lifespan", "on", "--no-access-log"]
        limit = ["--http", "classify_app.http.header_limit:HeaderLimitProtocol"]
        self._start("web", ["-m", "uvicorn", "project.asgi:application", *options, *limit])

    def start_worker(self, name: str) -> None:
        options = ["--hostname", f"{name}@host", "--heartbeat-interval", "30", "--without-gossip", "--without-mingle"]
        self._start(name, ["-m", "celery", "-A", "workers.app", "worker", *options], self.worker_environment)

    def start_consumer(self, name: str) -> None:
        self._start(name, ["manage.py", "consume_results"])

    def start_dead_letter_consumer(self, name: str) -> None:
        self._start(name, ["manage.py", "consume_dead_letters"])

    def start_flower(self) -> None:
        options = ["--address=127.0.0.1", f"--port={self.flower_port}", "--enable_events=False"]
        environ = {**self._environment, "FLOWER_UNAUTHENTICATED_API": "true"}
        self._start("flower", ["-m", "celery", "-A", "project.broker.flower", "flower", *options], environ)

    def wait_until_ready(self) -> None:
        ready = {
            "web": lambda: answers(f"{self.site}/healthz"),
            "worker": lambda: "ready to take pictures" in self.log(name),
            "results": lambda: "consuming results" in self.log(name),
            "letters": lambda: "consuming dead letters" in self.log(name),
            "flower": lambda: answers(f"{self.flower}/healthcheck"),
        }
        for name in self.processes:
            if (kind := name.rstrip("0123456789")) in ready:
                self._wait_for(name, ready[kind])

    def _start(self, name: str, arguments: list[str], environ: dict[str, str] | None = None, cwd: Path = ROOT) -> None:
        with (self.state / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *arguments],
                env=environ or self.web_environment,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait_for(self, name: str, ready: Callable[[], bool]) -> None:
        def ready_and_alive() -> bool:
            assert self.processes[name].poll() is None, f"{name} ended"
            return ready()

        wait_until(ready_and_alive, READY_SECONDS, f"{name} is ready")

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def terminate(self, name: str, seconds: float) -> int:
        """Ask a process to end, as a supervisor does; return its exit status."""
        process = self.processes[name]
        process.terminate()
        return process.wait(seconds)

    def kill_all(self) -> None:
        for process in self.processes.values():
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for process in self.processes.values():
            process.wait(10)

    @property
    def authorization(self) -> dict[str, str]:
        """The header that authenticates a program."""
        return {"Authorization": f"Bearer {self.token}"}

    def client(self, **options: Any) -> httpx.Client:
        """Return a client of the site with the administrator's token; `options` are httpx's."""
        return httpx.Client(base_url=self.site, **{"timeout": 30, "headers": self.authorization, **options})

    def log_in(self, client: httpx.Client) -> None:
        """Give a client the administrator's session."""
        client.get("/login/")
        form = {"username": ADMIN, "password": PASSWORD, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
        answer = client.post("/login/", data=form)
        assert answer.status_code == 302, answer.text

    def log(self, name: str) -> str:
        return (self.state / f"{name}.log").read_text(errors="replace")

    def log_tails(self) -> str:
        logs = sorted(self.state.glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-LOG_TAIL_BYTES:]}" for log in logs)

    def _aws(self, service: str) -> Any:
        credentials = {"aws_access_key_id": "system-tests", "aws_secret_access_key": "system-tests"}
        return boto3.client(service, endpoint_url=self.aws_url, region_name="us-east-1", **credentials)

    @cached_property
    def s3(self) -> Any:
        return self._aws("s3")

    @cached_property
    def sqs(self) -> Any:
        return self._aws("sqs")

    def set_queue(self, queue: str, **attributes: Any) -> None:
        """Set attributes of a queue, and of its redrive policy by `max_receives`, before any process receives from it.

        A long poll that is open keeps the visibility timeout it began with.
        """
        url = self.queue_url(queue)
        if max_receives := attributes.pop("max_receives", None):
            found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])["Attributes"]
            policy = {**json.loads(found["RedrivePolicy"]), "maxReceiveCount": max_receives}
            attributes["RedrivePolicy"] = json.dumps(policy)
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={name: str(value) for name, value in attributes.items()})

    def depth(self, queue: str) -> Depth:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.queue_url(queue), AttributeNames=names)["Attributes"]
        return Depth(*(int(found[name]) for name in names))

    def wait_until_sent(self, count: int) -> None:
        """Wait until `count` requests are visible on their queue: an upload's response precedes its message."""
        wait_until(lambda: self.depth(REQUESTS) == (count, 0), SEND_SECONDS, f"{count} requests are on the queue")

    def keys(self, bucket: str) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [stored["Key"] for page in pages for stored in page.get("Contents", [])]

    def read(self, key: str) -> str:
        """Return an object of the output bucket as text."""
        stored: bytes = self.s3.get_object(Bucket=OUTPUT_BUCKET, Key=key)["Body"].read()
        return stored.decode()


@contextmanager
def running(
    system: System, *, workers: int = 0, consumers: int = 1, flower: bool = False, proxy: bool = False
) -> Iterator[System]:
    """Start a system and wait until it is ready; kill all of it at the end, whatever happens."""
    try:
        system.start_emulator()
        if proxy:
            system.start_proxy()
        system.prepare()
        system.start_web()
        for number in range(workers):
            system.start_worker(f"worker{number + 1}")
        for number in range(consumers):
            system.start_consumer(f"results{number + 1}")
        if flower:
            system.start_flower()
        system.wait_until_ready()
        yield system
    except BaseException as error:
        error.add_note(system.log_tails())
        raise
    finally:
        system.kill_all()
