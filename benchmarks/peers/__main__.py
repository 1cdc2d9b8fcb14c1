"""The command: compare the whole system with LitServe, Ray Serve and BentoML, in turns within one run."""

import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import results
from benchmarks.peers.rows import rows, single_runs
from benchmarks.peers.servers import OURS, PEERS, prepare
from benchmarks.peers.turns import rounds
from benchmarks.stack import models

MEASURED = ("torch", "numpy", "pillow", "celery", "django", "uvicorn", "ministack")

console = Console(highlight=False, stderr=True)


def main(
    images: Annotated[int, typer.Option(min=10, help="Photographs per turn at the highest concurrency.")] = 200,
    turns: Annotated[int, typer.Option(min=1, help="Turns of each server.")] = 3,
    peer: Annotated[list[str] | None, typer.Option(help="Compare with this peer only; may be repeated.")] = None,
    output: Annotated[Path, typer.Option(help="Folder for peers.json.")] = results.FOLDER,
) -> None:
    """Measure each server in turn, with the same model and client. MODEL chooses the model; default: two."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the started processes are stopped
    names = peer or list(PEERS)
    versions = {name: prepare(name) for name in names}
    found = [list(rounds(model, [OURS, *names], images, turns, console.print)) for model in models()]
    results.report(
        "peers",
        [row for one in found for row in rows(one)],
        [run for one in found for run in single_runs(one)],
        versions={**results.versions_of(MEASURED), **versions},
        folder=output,
        tables_by=("model", "engine", "precision", "concurrency"),
    )


if __name__ == "__main__":
    typer.run(main)
