"""The installer: a failure is explained in a sentence."""

from pathlib import Path

import pytest

from infra.local import install


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory", "apt install build-essential"),
        (
            "Could not run curl-config: [Errno 2] No such file or directory",
            "apt install build-essential",
        ),
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "The disk is full."),
        ("ERROR: Could not find a version that satisfies the requirement celery==5.7.0", "could not be found"),
        ("something else", "pip failed."),
    ],
)
def test_pips_failure_is_explained(output, sentence):
    said = install.reason(f"Collecting celery\n{output}\n")
    assert sentence in said.partition("\n\n")[0]
    assert output in said


def test_too_little_disk_space_is_reported_before_the_installation(monkeypatch, tmp_path):
    monkeypatch.setattr(install, "NEEDED_GB", {"cpu": 1_000_000})
    with pytest.raises(SystemExit, match="the installation needs 1000000 GB"):
        install.check_disk("cpu", tmp_path / "no venv")


def test_a_changed_requirement_changes_the_fingerprint(monkeypatch, tmp_path):
    monkeypatch.setattr(install, "ROOT", tmp_path)
    (tmp_path / "requirements.txt").write_text("celery==5.7.0")
    before = install.fingerprint(tmp_path / "requirements.txt")
    (tmp_path / "requirements.txt").write_text("celery==5.7.1")
    assert install.fingerprint(tmp_path / "requirements.txt") != before


@pytest.mark.parametrize(
    ("requirements", "expected"),
    [("requirements/worker.txt", True), ("requirements/dev.txt", True), ("requirements/web.txt", False)],
)
def test_torch_is_found_in_files_and_in_those_that_they_include(requirements, expected):
    assert install.has_torch(Path(requirements)) is expected
