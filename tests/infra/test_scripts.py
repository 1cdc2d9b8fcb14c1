"""Scripts and Packer templates: nothing to find fault with, and what is packed is what an image needs."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.infra import tools
from tests.infra.stubs import Stubs
from tests.system.harness import ROOT

AMI = ROOT / "infra" / "ami"
PACKED = ("manage.py", "project", "classify_app", "workers", "requirements", "samples", "infra/ami")


def scripts() -> list[Path]:
    """Return the shell scripts of the repository, by their first line."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in listed.split("\0") if name]
    return [
        file
        for file in files
        if file.is_file() and file.read_bytes()[:30].startswith((b"#!/usr/bin/env bash", b"#!/bin/"))
    ]


def run(*command: str | Path, **options: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


def test_shellcheck_finds_nothing():
    found = scripts()
    assert {"drain-watch", "imds", "provision.sh", "package.sh"} <= {script.name for script in found}
    checked = run(tools.program("shellcheck"), *found)
    assert checked.returncode == 0, checked.stdout


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """A copy of the templates, without the block that Debian's packer doesn't know, with something packed."""
    folder = tmp_path / "ami"
    (folder / "build").mkdir(parents=True)
    (folder / "build" / "recognition.tar.gz").touch()
    for file in (*AMI.glob("*.pkr.hcl"), AMI / "provision.sh"):
        if file.name != "plugins.pkr.hcl":
            shutil.copy(file, folder)
    return folder


def packer(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return run(tools.program("packer"), *arguments, env={**os.environ, "CHECKPOINT_DISABLE": "1"})


@pytest.mark.parametrize(
    "variables",
    [(), ("engine=torch", "model=resnet18"), ("gpu=true", "instance_type=g6.xlarge", "root_gigabytes=40")],
    ids=" ".join,
)
def test_packer_accepts_the_templates(templates: Path, variables: tuple[str, ...]):
    validated = packer("validate", *(f"-var={variable}" for variable in variables), templates)
    assert validated.returncode == 0, validated.stdout + validated.stderr


@pytest.mark.parametrize(
    "variable",
    ["engine=tensorflow", "model=vgg16", "gpu=perhaps", "root_gigabytes=4", "ssh_interface=telnet", "other=1"],
)
def test_packer_refuses_invalid_variables(templates: Path, variable: str):
    assert packer("validate", f"-var={variable}", templates).returncode != 0


def test_the_templates_are_formatted():
    formatted = packer("fmt", "-check", "-diff", AMI)
    assert formatted.returncode == 0, formatted.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of its own with what is packed, all of it committed, and a change that isn't."""
    copy = tmp_path / "repository"
    for name in PACKED:
        ignored = shutil.ignore_patterns("__pycache__", "build")
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=ignored)
        else:
            copy.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, copy)
    (copy / "secret-notes").write_text("not for an image")
    git = ["git", "-C", str(copy), "-c", "user.name=tests", "-c", "user.email=tests@example.org"]
    for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message=all"]):
        subprocess.run([*git, *arguments], check=True)
    (copy / "project" / "uncommitted.py").touch()
    return copy


def unpacked(repository: Path, *arguments: str | Path) -> Path:
    packed = run(repository / "infra" / "ami" / "package.sh", *arguments)
    assert packed.returncode == 0, packed.stderr
    folder = repository.parent / "unpacked"
    with tarfile.open(repository / "infra" / "ami" / "build" / "recognition.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder


def test_only_committed_files_are_packed(repository: Path):
    folder = unpacked(repository)
    assert {path.name for path in folder.iterdir()} == {*PACKED[:-1], "infra", "models", "REVISION"}
    assert not (folder / "project" / "uncommitted.py").exists()
    commit = run("git", "-C", repository, "rev-parse", "HEAD").stdout
    assert (folder / "REVISION").read_text() == commit


def test_the_archive_is_enough_to_collect_the_static_files(repository: Path):
    folder = unpacked(repository)
    environ = {"PATH": os.environ["PATH"]}
    collected = run(folder / "infra" / "ami" / "collect-static.sh", sys.executable, cwd="/", env=environ)
    assert collected.returncode == 0, collected.stderr
    assert (folder / "staticfiles" / "staticfiles.json").exists()


def test_the_archive_is_enough_to_classify(repository: Path):
    folder = unpacked(repository)
    environ = {
        "PATH": os.environ["PATH"],
        "MODEL_FALLBACK": "1",
        "TORCH_HOME": str(folder),
        "https_proxy": "http://127.0.0.1:1",
    }
    classified = run(sys.executable, "-m", "workers", "--json", "samples/coffee.png", cwd=folder, env=environ)
    assert classified.returncode == 0, classified.stderr
    assert json.loads(classified.stdout)["top5"][0]["label"] == "espresso"


@pytest.mark.parametrize(("given", "packed"), [("mine.pth", "weights.pth"), ("mine.onnx", "model.onnx")])
def test_weights_and_their_verification_are_packed(repository: Path, tmp_path: Path, given: str, packed: str):
    (tmp_path / given).write_bytes(b"weights")
    (tmp_path / "found.json").write_text("[]")
    models = unpacked(repository, tmp_path / given, tmp_path / "found.json") / "models"
    assert {file.name: file.read_bytes() for file in models.iterdir()} == {packed: b"weights", "verified.json": b"[]"}


def test_a_file_without_weights_is_refused(repository: Path):
    packed = run(repository / "infra" / "ami" / "package.sh", "cat.png")
    assert packed.returncode == 1
    assert packed.stderr == "package.sh: cat.png is neither .pth nor .onnx nor .json\n"


def test_manage_runs_with_the_sites_environment(tmp_path: Path):
    stubs = Stubs(tmp_path, "systemd-run")
    ran = run(
        AMI / "bin" / "recognition-manage", "createsuperuser", "--username", "two words", env={"PATH": stubs.path}
    )
    if os.geteuid() != 0:
        assert (ran.returncode, stubs.calls()) == (1, [])
        assert "run it as root, by sudo" in ran.stderr
        return
    assert ran.returncode == 0, ran.stderr
    [(_, call)] = stubs.calls()
    assert "--uid=recognition" in call
    assert "EnvironmentFile=/run/recognition/secrets.env" in call
    assert call.endswith("/opt/recognition/venv/bin/python manage.py createsuperuser --username two words")
