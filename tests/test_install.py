"""The installer: it says what it needs, and leaves alone what is installed."""

from pathlib import Path

import pytest

from infra.local import install


def test_too_little_disk_space_is_reported_before_the_installation(monkeypatch, tmp_path):
    monkeypatch.setattr(install, "NEEDED_GB", {install.TORCH_CPU: 1_000_000})
    with pytest.raises(SystemExit, match=r"torch-cpu\.txt needs 1000000 GB"):
        install.install(install.TORCH_CPU, tmp_path)


@pytest.mark.parametrize(
    ("name", "expected"), [("worker", True), ("dev", True), ("web", False), ("worker-onnx", False)]
)
def test_locks_that_need_pytorch_are_known(name, expected):
    assert install.leaves_torch_out(install.ROOT / "requirements" / f"{name}.txt") is expected


def test_what_is_installed_is_not_installed_again_until_its_lock_changes(tmp_path: Path, monkeypatch):
    lock = tmp_path / "web.txt"
    lock.write_text("celery==5.7.0")
    install.stamp(lock, tmp_path).touch()
    monkeypatch.setattr(install, "OLDEST_PYTHON", (99,))
    install.main(lock, tmp_path)
    lock.write_text("celery==5.7.1")
    with pytest.raises(SystemExit, match="is too old"):
        install.main(lock, tmp_path)
