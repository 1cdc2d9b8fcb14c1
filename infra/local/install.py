"""Make .venv, or a folder, and install pinned requirements: `python3 infra/local/install.py requirements.txt [FOLDER]`.

Runs on the system's Python, so it needs the standard library alone.
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

OLDEST_PYTHON = (3, 11)
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CPU_INDEX_SECONDS = 5
# What PyTorch's builds take on disk, with all else, while they are unpacked; and what there is without PyTorch.
NEEDED_GB = {"cpu": 3, "cuda": 8, None: 1}
DOWNLOADED = {
    "cpu": "with PyTorch's cpu build: about 1 GB to download, minutes at first",
    "cuda": "with PyTorch's cuda build: about 3 GB to download, minutes at first",
    None: "without PyTorch",
}
# What pip says where a package has to be compiled and can't be.
COMPILER_SIGNS = ("gcc' failed", "cc' failed", "curl-config", "Python.h", "unable to execute")


def main(requirements: Path, venv: Path = VENV) -> None:
    """Install unless what the files ask for is installed already."""
    wanted = fingerprint(requirements)
    stamp = venv / f".{requirements.stem}-installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(f"Python {platform.python_version()} is too old; 3.11 or newer is needed: make PYTHON=python3.11 …")
    build = torch_build() if has_torch(requirements) else None
    check_disk(build, venv)
    if not python(venv).exists():
        print(f"making {venv.relative_to(ROOT)} with Python {platform.python_version()}", flush=True)
        make_venv(venv)
    print(f"installing {requirements} {DOWNLOADED[build]}", flush=True)
    install(requirements, build, venv)
    stamp.write_text(wanted)


def fingerprint(requirements: Path) -> str:
    """Return a digest of a requirements file and of those that it includes."""
    files = [requirements, *sorted(ROOT.glob("requirements*.txt")), *sorted(ROOT.glob("requirements/*.txt"))]
    return hashlib.sha256(b"".join((ROOT / path).read_bytes() for path in files)).hexdigest()


def has_torch(requirements: Path) -> bool:
    """Tell whether a requirements file, or one that it includes, asks for PyTorch."""
    path = ROOT / requirements
    lines = path.read_text().splitlines()
    included = [path.parent / line.split()[1] for line in lines if line.startswith("-r ")]
    return any(line.startswith("torch==") for line in lines) or any(map(has_torch, included))


def torch_build() -> str:
    """Return `cpu` where there is no NVIDIA GPU and PyTorch's CPU index answers, else `cuda`, PyPI's."""
    if platform.system() != "Linux":
        return "cpu"  # PyPI's build for other systems has no CUDA in it.
    if shutil.which("nvidia-smi"):
        return "cuda"
    try:
        with urllib.request.urlopen(f"{CPU_INDEX}/torch/", timeout=CPU_INDEX_SECONDS):  # noqa: S310 -- a constant
            return "cpu"
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        print("PyTorch's index of CPU builds does not answer; taking the larger build from PyPI", flush=True)
        return "cuda"


def python(venv: Path) -> Path:
    return venv / "bin" / "python"


def check_disk(build: str | None, venv: Path = VENV) -> None:
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < NEEDED_GB[build] and not python(venv).exists():
        sys.exit(f"Only {free:.1f} GB of disk are free here; the installation needs {NEEDED_GB[build]} GB.")


def make_venv(venv: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "venv", str(venv)], capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(venv, ignore_errors=True)
        sys.exit(f"Python can't make {venv.name}. On Debian and Ubuntu: apt install python3-venv\n{done.stdout}")


def install(requirements: Path, build: str | None, venv: Path) -> None:
    command = [str(python(venv)), "-m", "pip", "install", "--disable-pip-version-check", "-r", str(requirements)]
    if build == "cpu" and platform.system() == "Linux":
        command += ["--extra-index-url", CPU_INDEX]
    lines = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            lines.append(line)
            if line.startswith(("Collecting", "Building", "Installing")):
                print(" ", line.strip()[:110], flush=True)
    if pip.returncode:
        sys.exit(reason("".join(lines)))


def reason(output: str) -> str:
    """Say in a sentence why pip failed, with the end of what it said."""
    if "No space left on device" in output:
        sentence = "The disk is full."
    elif any(sign in output for sign in COMPILER_SIGNS):
        sentence = (
            "A package has to be compiled here, and the compiler or its headers are missing. On Debian and Ubuntu: "
            "apt install build-essential python3-dev libcurl4-openssl-dev libssl-dev"
        )
    elif "Could not find a version" in output or "NewConnectionError" in output:
        sentence = "A package could not be found; is the network, or the package index, to be reached?"
    else:
        sentence = "pip failed."
    tail = "".join(output.splitlines(keepends=True)[-15:])
    return f"{sentence}\n\nThe end of what pip said:\n{tail}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(ROOT / folder for folder in sys.argv[2:3]))
