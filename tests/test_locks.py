"""The locks: what a requirements file asks for is locked, with hashes, to the same version in every file."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

from infra.local import lock

LINE = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[^ ;]+)(?: ; .+)?")
each_file = pytest.mark.parametrize("file", lock.LOCKED, ids=lambda file: file.stem)


def asked(file: Path) -> dict[str, str]:
    """Return the versions that a file and those that it includes ask for."""
    found: dict[str, str] = {}
    for line in file.read_text().splitlines():
        if line.startswith("-r "):
            found |= asked((file.parent / line.removeprefix("-r ")).resolve())
        elif not line.startswith("#"):
            name, version = line.split("==")
            found[name.partition("[")[0].lower()] = version
    return found


def blocks(file: Path) -> list[list[str]]:
    """Return each locked requirement with the lines that belong to it."""
    text = re.sub(r" \\\n +", "\n", lock.lock_of(file).read_text())
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    starts = [index for index, line in enumerate(lines) if not line.startswith("--hash=")]
    return [lines[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]


def locked(file: Path) -> dict[str, set[str]]:
    """Return the locked versions; a package has several where its newest isn't for all Pythons."""
    found = defaultdict(set)
    for requirement, *_ in blocks(file):
        match = LINE.fullmatch(requirement)
        assert match, requirement
        found[match["name"]].add(match["version"])
    return found


def test_every_file_is_locked_or_included_by_one_that_is():
    included = {lock.REQUIREMENTS / "worker-common.in"}
    folders = (lock.REQUIREMENTS, lock.PEERS)
    assert {file for folder in folders for file in folder.glob("*.in")} == {*lock.LOCKED, *included}
    assert {file for folder in folders for file in folder.glob("*.txt")} == {lock.lock_of(file) for file in lock.LOCKED}


@each_file
def test_what_is_asked_for_is_locked(file: Path):
    found = locked(file) if file == lock.TORCH_CPU else locked(file) | locked(lock.TORCH)
    assert {name: found[name] for name in asked(file)} == {name: {version} for name, version in asked(file).items()}


@each_file
def test_every_locked_package_has_a_hash(file: Path):
    for requirement, *hashes in blocks(file):
        assert hashes, requirement
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes), requirement


@pytest.mark.parametrize("file", lock.SYSTEM, ids=lambda file: file.stem)
def test_files_agree_on_versions(file: Path):
    largest = locked(lock.SYSTEM[0])
    assert all(versions <= largest[name] for name, versions in locked(file).items())


@pytest.mark.parametrize("file", [*lock.SYSTEM, *lock.APART], ids=lambda file: file.stem)
def test_pytorch_and_cuda_stand_in_their_own_lock(file: Path):
    assert not locked(file).keys() & locked(lock.TORCH).keys()


def test_both_builds_of_pytorch_have_one_version():
    assert asked(lock.TORCH_CPU) == {name: f"{version}+cpu" for name, version in asked(lock.TORCH).items()}
