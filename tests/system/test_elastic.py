"""`make elastic`'s run: real workers come and go with a burst, and nothing is lost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil

from infra.local.ports import free_ports
from tests.system.harness import INHERITED, ROOT


def test_the_fleet_grows_shrinks_and_loses_nothing(tmp_path: Path):
    web, flower, aws = free_ports(3)
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    ports = {"WEB_PORT": str(web), "FLOWER_PORT": str(flower), "AWS_PORT": str(aws)}
    options = ["--bursts", "50,300", "--speed", "60", "--max", "2", "--history", str(tmp_path / "history.json")]
    done = subprocess.run(
        [sys.executable, "-m", "infra.elastic", "run", *options],
        env={**inherited, **ports},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "IN=350 DONE=350 FAILED=0 LOST=0 KILLED=0"
    assert "step +25 % -> 2" in done.stdout
    minutes = json.loads((tmp_path / "history.json").read_text())["minutes"]
    assert max(minute["in_service"] for minute in minutes) == 2
    assert (minutes[-1]["in_service"], minutes[-1]["terminating"]) == (1, 0)
    assert not [process for process in psutil.process_iter(["environ"]) if belongs(process, aws)]


def belongs(process: psutil.Process, aws_port: int) -> bool:
    """Tell whether a process is one of the run's, by the emulator's port in its environment."""
    environ = process.info["environ"] or {}
    return environ.get("AWS_PORT") == str(aws_port) and process.pid != os.getpid()
