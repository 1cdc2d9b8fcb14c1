"""Terraform as the tests run it: on a copy of the stack, with the provider from a folder or from the registry."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.infra import tools
from tests.system.harness import ROOT

STACK = ROOT / "infra" / "terraform"
SECONDS = 600
PLUGINS = os.environ.get("TF_PLUGIN_DIR")
"""A folder with the AWS provider, for machines that can't ask Terraform's registry."""

# The copy is planned and applied against an emulator, which has no metadata service and one host for all buckets.
ON_AN_EMULATOR = """
provider "aws" {
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
}
"""


class Failed(AssertionError):
    """Terraform ended with an error; the text is what it printed."""


class Workspace:
    """A copy of the stack's folder, initialised once, in which one of its configurations is planned and applied."""

    def __init__(self, folder: Path, configuration: str = ".", endpoint: str | None = None) -> None:
        self.stack = folder / "terraform"
        shutil.copytree(STACK, self.stack, ignore=shutil.ignore_patterns(".terraform*"))
        self.configuration = self.stack / configuration
        self._data = folder / "data"
        self._endpoint = endpoint
        if endpoint is not None:
            (self.configuration / "emulator_override.tf").write_text(ON_AN_EMULATOR)
        self._initialise()

    def _initialise(self) -> None:
        plugins = [f"-plugin-dir={PLUGINS}"] if PLUGINS else []
        try:
            self.run("init", "-backend=false", "-input=false", "-no-color", *plugins)
        except Failed as error:
            if "Failed to query available provider packages" not in str(error):
                raise
            pytest.skip(
                "the AWS provider is missing: Terraform's registry can't be reached, and TF_PLUGIN_DIR isn't set"
            )

    def run(self, command: str, *arguments: str) -> str:
        """Run a command and return what it prints. Raises Failed."""
        done = subprocess.run(
            [tools.program("terraform"), f"-chdir={self.configuration}", command, *arguments],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode:
            raise Failed(f"terraform {command}:\n{done.stdout[-8000:]}{done.stderr[-8000:]}")
        return done.stdout

    def give(self, **variables: object) -> None:
        """Set the configuration's variables."""
        (self.configuration / "given.auto.tfvars.json").write_text(json.dumps(variables))

    def plan(self) -> dict[str, Any]:
        """Return a plan as `terraform show -json` prints it."""
        self.run("plan", "-input=false", f"-out={self._data}.plan")
        plan: dict[str, Any] = json.loads(self.run("show", "-json", f"{self._data}.plan"))
        return plan

    def _environment(self) -> dict[str, str]:
        inherited = {
            name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "TF_CLI_CONFIG_FILE") if name in os.environ
        }
        if PLUGINS:
            inherited.pop("TF_CLI_CONFIG_FILE", None)
        emulated = {
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "us-east-1",
        }
        return {
            **inherited,
            **{name: value for name, value in emulated.items() if value is not None},
            "TF_DATA_DIR": str(self._data),
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
        }


def resources(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the planned resources, each with its `address`, `type` and `values`."""
    yield from _all(plan["planned_values"]["root_module"])


def _all(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from module.get("resources", ())
    for child in module.get("child_modules", ()):
        yield from _all(child)
