"""Stubs of the programs that a script calls: they log their calls and respond as a test says."""

import os
from pathlib import Path

STUB = """#!/bin/bash
printf '%s %s %s\\n' "$EPOCHREALTIME" {name} "$*" >>{calls}
if read -r answer <{answers}; then
  sed -i 1d {answers}
  eval "$answer"
fi
"""


class Stubs:
    """A folder for the front of PATH. The n-th call of a program runs its n-th answer, a line of bash, if any."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.folder = folder
        self._calls = folder / "calls"
        self._calls.touch()
        for name in names:
            self.answer(name)
            stub = folder / name
            stub.write_text(STUB.format(name=name, calls=self._calls, answers=folder / f"{name}.answers"))
            stub.chmod(0o755)

    def answer(self, name: str, *answers: str) -> None:
        (self.folder / f"{name}.answers").write_text("".join(f"{answer}\n" for answer in answers))

    @property
    def path(self) -> str:
        return f"{self.folder}{os.pathsep}{os.environ['PATH']}"

    def calls(self) -> list[tuple[float, str]]:
        """Return the time and the arguments of each call."""
        lines = [line.split(" ", 1) for line in self._calls.read_text().splitlines()]
        return [(float(when), call.rstrip()) for when, call in lines]
