"""`manage.py migrate_once`: the tables are made once, however many processes begin at the same time."""

import subprocess
import sys

import psycopg
import pytest

from classify_app.management.commands.migrate_once import LOCK
from tests import postgresql
from tests.conftest import ROOT
from tests.records import environment
from tests.system.harness import wait_until

NOTHING = "no migration is missing\n"


def begin(url: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "manage.py", "migrate_once", "--verbosity=0"]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(DATABASE_URL=url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: "subprocess.Popen[str]") -> str:
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return said


def test_on_sqlite_it_migrates_and_then_finds_nothing_missing(tmp_path):
    url = f"sqlite:///{tmp_path}/db.sqlite3"
    first = end(begin(url))
    assert first.startswith("applied ")
    assert "classify_app.0003_dead_letters" in first
    assert end(begin(url)) == NOTHING


@pytest.mark.skipif(postgresql.programs() is None, reason=postgresql.MISSING)
def test_one_of_several_processes_migrates_and_the_others_wait():
    with postgresql.server() as server, psycopg.connect(server.url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [LOCK])  # so that all of them wait for the same moment
        processes = [begin(server.url) for _ in range(3)]
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        wait_until(lambda: other.execute(waiting).fetchone() == (3,), 60, "all three wait for the lock")
        assert other.execute("SELECT to_regclass('django_migrations')").fetchone() == (None,)
        other.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
        said = [end(process) for process in processes]
        assert sorted(line.split()[0] for line in said) == ["applied", "no", "no"]
        assert said.count(NOTHING) == 2
        assert end(begin(server.url)) == NOTHING


@pytest.mark.skipif(postgresql.programs() is None, reason=postgresql.MISSING)
def test_an_unavailable_database_is_waited_for():
    with postgresql.server() as server:
        server.stop()
        process = begin(server.url)
        assert process.stderr is not None
        wait_until(
            lambda: "the database is unavailable, trying again" in process.stderr.readline(),
            30,
            "it says that it waits",
        )
        server.start()
        assert end(process).startswith("applied ")
