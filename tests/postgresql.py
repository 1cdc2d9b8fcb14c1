"""A PostgreSQL server for as long as a command runs: `python -m tests.postgresql pytest -m django_db`."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from infra.local.ports import free_ports

MISSING = "PostgreSQL's initdb is missing"


def programs() -> Path | None:
    """Return the folder of initdb and pg_ctl, which Debian keeps off the PATH."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@dataclass(frozen=True)
class Server:
    """A running server: its URL, and ways to stop it at once and to start it again on the same data."""

    url: str
    stop: Callable[[], None]
    start: Callable[[], None]


@contextmanager
def server(max_connections: int = 50) -> Iterator[Server]:
    """Start an empty server on a free port; delete it at the end."""
    bin_folder = programs()
    assert bin_folder is not None, MISSING
    # PostgreSQL refuses to run as root.
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="recognition-pg-") as folder:
        if as_user:
            shutil.chown(folder, "postgres")
        data, [port] = f"{folder}/data", free_ports(1)
        options = (
            f"-h 127.0.0.1 -p {port} -k {folder} -c max_connections={max_connections} "
            "-c fsync=off -c superuser_reserved_connections=0"
        )
        control = [*as_user, bin_folder / "pg_ctl", "-D", data]
        start = partial(_run, [*control, "-w", "-o", options, "-l", f"{folder}/log", "start"])
        stop = partial(_run, [*control, "-m", "immediate", "stop"])
        _run([*as_user, bin_folder / "initdb", "-D", data, "-U", "tests", "-A", "trust"])
        start()
        try:
            yield Server(f"postgres://tests@127.0.0.1:{port}/postgres", stop, start)
        finally:
            with suppress(subprocess.CalledProcessError):  # It may have been stopped before.
                stop()


def _run(command: list[str | Path]) -> None:
    subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL)


def main(command: list[str]) -> int:
    if programs() is None:
        print(f"skipped: {MISSING}, so the web tier's tests ran on SQLite alone")
        return 1 if os.environ.get("NO_SKIPS") else 0
    with server() as running:
        return subprocess.run(command, env={**os.environ, "DATABASE_URL": running.url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
