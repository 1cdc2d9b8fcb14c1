"""Programs that check the infrastructure; a test whose program is missing skips, and says how to get it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.system.harness import ROOT

OWN = ROOT / ".local" / "infra" / "bin"
"""Where `make check-infra` installs requirements/infra.txt."""

HOW_TO_GET = {
    "checkov": "make check-infra installs it",
    "parliament": "make check-infra installs it",
    "terraform": "https://developer.hashicorp.com/terraform/install",
    "cloud-init": "apt install cloud-init",
    "packer": "apt install packer",
    "shellcheck": "apt install shellcheck",
    "systemd-analyze": "apt install systemd",
}
SECONDS = 300


def program(name: str) -> str:
    """Return a program's path, or skip the test."""
    found = shutil.which(name, path=OWN) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is missing: {HOW_TO_GET[name]}")
    return found


def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; its exit status is the caller's to judge."""
    command = [program(name), *map(str, arguments)]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False, cwd=ROOT
    )
