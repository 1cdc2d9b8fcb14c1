"""Commands that run until they are stopped end on each signal that asks for it, however they were started."""

import subprocess
import sys

import pytest

from infra.local.interrupts import SIGNALS
from tests.conftest import ROOT

COMMAND = """
import time
from infra.local import interrupts
interrupts.accept()
try:
    print("ready", flush=True)
    time.sleep(30)
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_a_command_ends_although_it_was_started_with_the_signals_ignored(number):
    ignoring = ("sh", "-c", 'trap "" INT TERM HUP; exec "$0" "$@"')
    command = [*ignoring, sys.executable, "-c", COMMAND]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.communicate(timeout=10)[0] == "stopped\n"
