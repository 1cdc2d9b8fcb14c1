"""Compile requirements/*.in to locked *.txt, with a hash of every file: `make lock`, or `make lock ARGS=--upgrade`.

What PyTorch brings stands apart, in torch.txt, or torch-cpu.txt for its builds without CUDA: see
docs/decisions/0015-locks.md. Needs uv and the internet.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from infra.local.install import CPU_INDEX, OLDEST_PYTHON, ROOT

REQUIREMENTS = ROOT / "requirements"
PEERS = ROOT / "benchmarks" / "peers" / "requirements"

TORCH = REQUIREMENTS / "torch.in"
TORCH_CPU = REQUIREMENTS / "torch-cpu.in"
# The largest comes first: the others take its versions.
SYSTEM = [REQUIREMENTS / f"{name}.in" for name in ("dev", "local", "export", "worker", "worker-onnx", "web")]
# These live in environments of their own.
APART = [REQUIREMENTS / "infra.in", *sorted(PEERS.glob("*.in"))]
LOCKED = [TORCH, TORCH_CPU, *SYSTEM, *APART]

# PyTorch's builds, and what the one with CUDA needs.
TORCH_PREFIXES = ("torch", "cuda-", "nvidia-", "triton")


def main(arguments: list[str]) -> None:
    if shutil.which("uv") is None:
        sys.exit("uv is missing: pipx install uv, or https://docs.astral.sh/uv/getting-started/installation/")
    with tempfile.TemporaryDirectory() as folder:
        every = Path(folder, "every.txt")
        every.write_text("".join(lock_of(file).read_text() for file in (SYSTEM[0], TORCH) if lock_of(file).exists()))
        write_lock(SYSTEM[0], every, *arguments)
        torch = [name for name in names(every) if name.startswith(TORCH_PREFIXES)]
        others = [name for name in names(every) if name not in torch]
        for file in (TORCH, *SYSTEM):
            # uv keeps the versions that the output has.
            shutil.copyfile(every, lock_of(file))
            write_lock(file, lock_of(file), *omitting(others if file == TORCH else torch))
    for file in APART:
        write_lock(file, lock_of(file), *omitting(torch), *arguments)
    write_lock(TORCH_CPU, lock_of(TORCH_CPU), "--no-deps", "--default-index", CPU_INDEX)


def lock_of(file: Path) -> Path:
    return file.with_suffix(".txt")


def write_lock(file: Path, output: Path, *arguments: str) -> None:
    """Lock a file for all systems and Pythons; versions that its output has stay, unless the arguments upgrade them."""
    print(f"locking {file.relative_to(ROOT)}", flush=True)
    options = ["--universal", "--generate-hashes", "--python-version", ".".join(map(str, OLDEST_PYTHON))]
    options += ["--annotation-style", "line", "--custom-compile-command", "make lock", "--quiet"]
    names = [str(file.relative_to(ROOT)), "--output-file", str(output)]
    done = subprocess.run(["uv", "pip", "compile", *options, *arguments, *names], cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(f"uv could not lock {names[0]}; what is above it is locked")


def names(lock: Path) -> list[str]:
    return [line.partition("==")[0] for line in lock.read_text().splitlines() if line[:1].isalnum()]


def omitting(names: list[str]) -> list[str]:
    return [word for name in names for word in ("--no-emit-package", name)]


if __name__ == "__main__":
    main(sys.argv[1:])
