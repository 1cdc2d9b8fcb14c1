"""The Dockerfiles, as far as they can be tried without Docker: they run what the units run, and copy what is there."""

import json
import re
from pathlib import Path

import pytest

from tests.infra.test_units import service
from tests.system.harness import ROOT

DOCKER = ROOT / "infra" / "docker"


def command(file: str) -> list[str]:
    [words] = re.findall(r"^CMD (\[.+\])$", (DOCKER / file).read_text(), re.MULTILINE)
    found: list[str] = json.loads(words)
    return found


def test_a_container_runs_the_worker_as_its_unit_does():
    unit = " ".join(service("worker").command()[1:]).replace("%%h", "%h")
    assert command("worker.Dockerfile") == ["python", *unit.split()]


def test_a_container_runs_the_site_as_its_unit_does():
    unit = service("web").command()[1:]
    assert command("web.Dockerfile") == ["python", *unit[: unit.index("--proxy-headers")]]


@pytest.mark.parametrize("file", sorted(DOCKER.glob("*.Dockerfile")), ids=lambda file: file.name)
def test_copied_files_exist_and_are_in_the_build_context(file: Path):
    sent = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    copied = re.findall(r"^COPY (?!--from)(\S+) \S+$", file.read_text(), re.MULTILINE)
    assert copied
    for source in copied:
        assert source in sent
        assert (ROOT / source).exists()


@pytest.mark.parametrize(
    "file", [*sorted(DOCKER.glob("*.Dockerfile")), ROOT / "infra" / "ami" / "provision.sh"], ids=lambda file: file.name
)
def test_what_is_installed_is_locked(file: Path):
    """Of each lock all is installed and nothing else, PyTorch's before those that leave it out."""
    text = file.read_text()
    names = re.findall(r"requirements/([\w-]+\.txt)|make_venv \S+ ([\w-]+\.txt)", text)
    assert names
    assert all((ROOT / "requirements" / "".join(name)).exists() for name in names)
    assert all(
        "--no-deps" in line for line in text.splitlines() if "pip install" in line or '/bin/pip" install' in line
    )


@pytest.mark.parametrize("file", sorted(DOCKER.glob("*.Dockerfile")), ids=lambda file: file.name)
def test_no_container_runs_as_root(file: Path):
    for stage in re.split(r"^FROM ", file.read_text(), flags=re.MULTILINE)[1:]:
        name = stage.splitlines()[0].rpartition(" AS ")[2]
        assert name in ("base", "exporter") or re.findall(r"^USER (.+)$", stage, re.MULTILINE) == ["10001"]
