"""`python -m infra.local up`, as `make demo` runs it: right labels, right addresses, nothing left behind."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.system.harness import INHERITED, ROOT, answers, free_ports, wait_until

PORTS = ("WEB_PORT", "FLOWER_PORT", "AWS_PORT")
READY_SECONDS = 150
STOP_SECONDS = 60
LABELS = {"camera.png": "tripod", "coffee.png": "espresso", "flower.jpg": "daisy"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the repository's files, with no state of an earlier run."""
    copy = tmp_path / "tree"
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


@pytest.fixture
def ports() -> dict[str, int]:
    return dict(zip(PORTS, free_ports(len(PORTS)), strict=True))


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output"


@pytest.fixture
def stack(tree: Path, ports: dict[str, int], output: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = start(tree, ports, output, "--samples")
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)
        for pid in processes_in(tree):
            os.kill(pid, signal.SIGKILL)


def start(tree: Path, ports: dict[str, int], output: Path, *options: str) -> "subprocess.Popen[bytes]":
    environ = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environ |= {name: str(port) for name, port in ports.items()}
    with output.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "infra.local", "up", *options],
            cwd=tree,
            env={**environ, "PYTHONPATH": str(tree), "COLUMNS": "200"},
            stdout=file,
            stderr=file,
            start_new_session=True,
        )


def processes_in(tree: Path) -> list[int]:
    """Return the processes of this copy's stack, which are the ones that import from it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environ = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it has just ended
        if f"PYTHONPATH={tree}".encode() in environ:
            found.append(int(process.name))
    return found


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def wait_until_up(stack: "subprocess.Popen[bytes]", output: Path) -> str:
    def said_so() -> bool:
        assert stack.poll() is None, output.read_text()
        return "Press Ctrl-C" in output.read_text()

    wait_until(said_so, READY_SECONDS, "the stack is up")
    return output.read_text()


def addresses_in(text: str) -> dict[str, str]:
    return dict(re.findall(r"^\s*(Upload form|API docs|Admin|Flower)\s+(http://\S+)", text, re.MULTILINE))


def test_the_samples_are_classified_and_an_interrupt_ends_it_all(
    tree: Path, ports: dict[str, int], output: Path, stack: "subprocess.Popen[bytes]"
):
    text = wait_until_up(stack, output)
    for name, label in LABELS.items():
        assert re.search(rf"{re.escape(name)}\W+{label}\W+\d+\.\d%", text), text
    addresses = addresses_in(text)
    assert set(addresses) == {"Upload form", "API docs", "Admin", "Flower"}
    token = re.search(r"API token\s+(\S+)", text)[1]  # type: ignore[index]
    shown = {"Authorization": f"Bearer {token}"}
    site = addresses["Upload form"]
    assert len(httpx.get(f"{site}api/v1/classifications", headers=shown).json()["results"]) >= len(LABELS)
    picture = (ROOT / "samples" / "coffee.png").read_bytes()
    assert httpx.post(site, files={"myfile": ("coffee.png", picture)}, timeout=60).text == "espresso"
    assert [address for address in addresses.values() if not answers(address)] == []
    assert len(processes_in(tree)) > len(PORTS)
    stack.send_signal(signal.SIGINT)
    assert stack.wait(STOP_SECONDS) == 0
    assert [name for name, port in ports.items() if not is_free(port)] == []
    assert processes_in(tree) == []


def test_a_port_that_is_taken_ends_the_start_with_a_sentence(tree: Path, ports: dict[str, int], output: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ports["WEB_PORT"]))
        taken.listen()
        assert start(tree, ports, output).wait(STOP_SECONDS) == 1
    text = output.read_text()
    assert "WEB_PORT" in text and str(ports["WEB_PORT"]) in text
    assert "Traceback" not in text
