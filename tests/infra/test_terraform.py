"""The Terraform stack: formatted, valid, its own tests green, and both examples planned by the real provider."""

from pathlib import Path

import pytest

from tests.infra import tools
from tests.infra.terraform import STACK, Workspace

EXAMPLES = ("examples/minimal", "examples/production")


def test_files_are_formatted():
    done = tools.run("terraform", "fmt", "-check", "-diff", "-recursive", STACK)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("configuration", [".", *EXAMPLES])
def test_configurations_are_valid(tmp_path: Path, configuration: str):
    assert "The configuration is valid" in Workspace(tmp_path, configuration).run("validate", "-no-color")


def test_its_own_tests_pass(tmp_path: Path):
    said = Workspace(tmp_path).run("test", "-no-color")
    assert "0 failed" in said
    assert "Success!" in said


def test_checkov_finds_nothing_that_is_not_skipped_with_a_reason():
    options = ["--skip-download", "--quiet", "--compact", "--framework", "terraform"]
    done = tools.run("checkov", "--directory", STACK, *options)
    assert done.returncode == 0, done.stdout
