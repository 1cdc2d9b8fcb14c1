"""`make elastic`'s run: real workers come and go with a burst, and nothing is lost."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from infra.local.ports import free_ports
from tests.system.harness import INHERITED, ROOT, wait_until


@pytest.fixture
def environ() -> dict[str, str]:
    """The environment of a run on ports of its own."""
    web, flower, aws = free_ports(3)
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {**inherited, "WEB_PORT": str(web), "FLOWER_PORT": str(flower), "AWS_PORT": str(aws)}


def command(tmp_path: Path, bursts: str) -> list[str]:
    history = str(tmp_path / "history.json")
    options = ["--bursts", bursts, "--speed", "60", "--max", "2", "--history", history]
    return [sys.executable, "-u", "-m", "infra.elastic", "run", *options]


def left(environ: dict[str, str]) -> list[psutil.Process]:
    """Return the run's processes, by the emulator's port in their environment."""
    found = psutil.process_iter(["environ"])
    return [one for one in found if (one.info["environ"] or {}).get("AWS_PORT") == environ["AWS_PORT"]]


def test_the_fleet_grows_shrinks_and_loses_nothing(tmp_path: Path, environ: dict[str, str]):
    done = subprocess.run(
        command(tmp_path, "50,300"), env=environ, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "IN=350 DONE=350 FAILED=0 LOST=0 KILLED=0"
    assert "step +25 % -> 2" in done.stdout
    minutes = json.loads((tmp_path / "history.json").read_text())["minutes"]
    assert max(minute["in_service"] for minute in minutes) == 2
    assert (minutes[-1]["in_service"], minutes[-1]["terminating"]) == (1, 0)
    page = (tmp_path / "history.json.html").read_text()
    assert (tmp_path / "history.json.html").as_uri() in done.stdout
    assert "step +25 % -&gt; 2" in page
    assert "refresh" not in page
    assert left(environ) == []


def test_an_interrupted_run_leaves_no_process_however_often_it_is_told(tmp_path: Path, environ: dict[str, str]):
    log = tmp_path / "log"
    with log.open("wb") as output:
        run = subprocess.Popen(command(tmp_path, "300"), env=environ, cwd=ROOT, stdout=output, stderr=output)
    try:
        wait_until(lambda: run.poll() is None and "a burst of 300" in log.read_text(), 200, "the burst has begun")
        run.send_signal(signal.SIGINT)
        time.sleep(0.2)
        run.send_signal(signal.SIGINT)
        assert run.wait(60) == 130, log.read_text()
        assert left(environ) == []
    finally:
        for process in left(environ):
            process.kill()
