"""The command: LitServe, Ray Serve and BentoML beside the whole system, in turns within one run."""

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
    images: Annotated[int, typer.Option(min=10, help="Photographs in a turn at the highest concurrency.")] = 200,
    turns: Annotated[int, typer.Option(min=1, help="How often each server has its turn.")] = 3,
    peer: Annotated[list[str] | None, typer.Option(help="Compare with this one alone; may be repeated.")] = None,
    output: Annotated[Path, typer.Option(help="The folder that peers.json is written to.")] = results.FOLDER,
) -> None:
    """Serve one model with one client by each server in turns; MODEL chooses a model, else there are two."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was started is stopped
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
