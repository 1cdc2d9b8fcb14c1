"""A short chaos run: nothing is lost or wrong, and an interrupt ends all processes."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.system.harness import INHERITED, ROOT, wait_until

IMAGES = 40
RECOVERY_SECONDS = 240
RUN_SECONDS = 600
"""Time-out of a whole run on a slow machine. Chaos itself stops earlier and reports lost pictures."""
STOP_SECONDS = 60


IN_BACKGROUND = ("sh", "-c", 'trap "" INT; exec "$0" "$@"')
"""Starts a command as a shell does in the background: with SIGINT ignored."""


@contextmanager
def chaos(output: Path, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run chaos into a file; in the end print that, and leave no process behind."""
    environ = {name: os.environ[name] for name in INHERITED if name in os.environ}
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*IN_BACKGROUND, sys.executable, "-m", "infra.local.chaos", *options],
            cwd=ROOT,
            env=environ,
            stdout=file,
            stderr=file,
        )
    try:
        yield process
    finally:
        end(process)
        print(output.read_text())


def end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        for one in tree(process):
            one.kill()
        process.wait()
        raise


def tree(process: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    """Return a process, first, and all that it has started."""
    root = psutil.Process(process.pid)
    return [root, *root.children(recursive=True)]


@pytest.mark.timeout(RUN_SECONDS + 2 * STOP_SECONDS)
def test_a_short_run_loses_nothing_and_gets_nothing_wrong(tmp_path: Path):
    output = tmp_path / "output"
    recovery = ("--recovery-seconds", str(RECOVERY_SECONDS))
    with chaos(output, "--images", str(IMAGES), "--minutes", "0.6", *recovery) as process:
        assert process.wait(RUN_SECONDS) == 0
    said = output.read_text()
    assert re.match(r"seed \d+", said)
    counts = re.fullmatch(r"IN=(\d+) DONE=(\d+) FAILED=(\d+) LOST=0 WRONG=0 UNJUST=0", said.splitlines()[-1])
    assert counts
    accepted, finished, failed = map(int, counts.groups())
    assert accepted == finished + failed >= IMAGES


def test_an_interrupt_leaves_no_process_behind(tmp_path: Path):
    output = tmp_path / "output"
    with chaos(output) as process:

        def disturbed() -> bool:
            assert process.poll() is None
            return re.search(r"\d s  \w", output.read_text()) is not None

        wait_until(disturbed, 200, "the first disturbance")
        started = tree(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_SECONDS) != 0
        _, left = psutil.wait_procs(started, 10)
        for one in left:
            one.kill()
        assert left == []
