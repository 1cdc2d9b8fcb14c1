"""Make .venv, or a folder, and install locked requirements: `python3 infra/local/install.py LOCK [FOLDER]`.

Runs on the system's Python, so it needs the standard library alone. Takes uv where it is there, else pip.
"""

import hashlib
import platform
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
TORCH = ROOT / "requirements" / "torch.txt"
TORCH_CPU = ROOT / "requirements" / "torch-cpu.txt"

OLDEST_PYTHON = (3, 11)
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CPU_INDEX_SECONDS = 5
# What PyTorch's builds take on disk, with all else, while they are unpacked; and what other locks take.
NEEDED_GB = {TORCH_CPU: 3, TORCH: 8}
OTHERS_NEED_GB = 1


def main(requirements: Path, venv: Path = VENV) -> None:
    """Install a lock, and PyTorch before it where the lock leaves it out, unless they are installed already."""
    locks = [TORCH, ROOT / requirements] if leaves_torch_out(ROOT / requirements) else [ROOT / requirements]
    missing = [lock for lock in locks if not stamp(lock, venv).exists()]
    if not missing:
        return
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(f"Python {platform.python_version()} is too old; 3.11 or newer is needed: make PYTHON=python3.11 …")
    if not python(venv).exists():
        print(f"making {venv.relative_to(ROOT)} with Python {platform.python_version()}", flush=True)
        make_venv(venv)
    for lock in missing:
        install(torch_build() if lock == TORCH else lock, venv)
        for old in venv.glob(f".{lock.stem}.*"):
            old.unlink()
        stamp(lock, venv).touch()


def leaves_torch_out(lock: Path) -> bool:
    """Tell whether what is locked needs PyTorch, which is then in a lock of its own."""
    return "# torch" in lock.read_text().splitlines()


def stamp(lock: Path, venv: Path) -> Path:
    """Return the file that is there once a lock, with what it lists now, is installed."""
    return venv / f".{lock.stem}.{hashlib.sha256(lock.read_bytes()).hexdigest()}"


def torch_build() -> Path:
    """Choose PyTorch without CUDA where there is no NVIDIA GPU and its index answers, else PyPI's."""
    if platform.system() != "Linux" or shutil.which("nvidia-smi"):
        return TORCH  # PyPI's build for other systems has no CUDA in it.
    try:
        with urllib.request.urlopen(f"{CPU_INDEX}/torch/", timeout=CPU_INDEX_SECONDS):  # noqa: S310 -- a constant
            return TORCH_CPU
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        print("PyTorch's index of CPU builds does not answer; taking the larger build from PyPI", flush=True)
        return TORCH


def python(venv: Path) -> Path:
    return venv / "bin" / "python"


def make_venv(venv: Path) -> None:
    with_uv = ["uv", "venv", "--quiet", "--seed", "--python", sys.executable]
    command = with_uv if shutil.which("uv") else [sys.executable, "-m", "venv"]
    done = subprocess.run([*command, str(venv)], capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(venv, ignore_errors=True)
        sys.exit(
            f"Python can't make {venv.name}. On Debian and Ubuntu: apt install python3-venv\n{done.stdout}{done.stderr}"
        )


def install(lock: Path, venv: Path) -> None:
    """Install all that a lock lists and nothing else, and show the progress."""
    free, needed = shutil.disk_usage(ROOT).free / 1e9, NEEDED_GB.get(lock, OTHERS_NEED_GB)
    if free < needed:
        sys.exit(f"Only {free:.1f} GB of disk are free here; {lock.name} needs {needed} GB.")
    print(f"installing {lock.relative_to(ROOT)}", flush=True)
    arguments = ["--require-hashes", "--no-deps", "-r", str(lock)]
    if lock == TORCH_CPU:
        arguments += ["--index-url", CPU_INDEX]
    if shutil.which("uv"):
        installer = ["uv", "pip", "install", "--python", str(python(venv))]
    else:
        installer = [str(python(venv)), "-m", "pip", "install", "--disable-pip-version-check"]
    if subprocess.run([*installer, *arguments], check=False).returncode:
        sys.exit(f"{lock.name} could not be installed; the reason is above.")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(ROOT / folder for folder in sys.argv[2:3]))
