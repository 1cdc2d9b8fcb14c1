"""`infra.local run COMMAND` hands all that follows COMMAND over to it."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

SHOW = "import sys; print(sys.argv[1:])"


def run(*arguments: str) -> str:
    command = [sys.executable, "-m", "infra.local", "run", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.parametrize("option", ["--help", "--samples", "-x", "--"])
def test_an_option_of_the_command_is_left_to_it(option):
    assert run(sys.executable, "-c", SHOW, option, "a") == f"{[option, 'a']}\n"


def test_before_the_command_help_is_that_of_run():
    assert "Run COMMAND" in run("--help")
