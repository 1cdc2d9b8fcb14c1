"""The command: latency, throughput, CPU time, AWS requests and price of the whole system."""

import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import cores, results
from benchmarks.stack import models
from benchmarks.system.measurement import Extent, Part, measured
from benchmarks.system.rows import rows, single_runs

MEASURED = ("celery", "kombu", "django", "uvicorn", "ministack", "torch", "numpy", "pillow")

console = Console(highlight=False, stderr=True)


def main(
    *,
    images: Annotated[int, typer.Option(min=10, help="Photographs per burst, and at the highest concurrency.")] = 300,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each load.")] = 3,
    idle_seconds: Annotated[float, typer.Option(min=1, help="How long an idle worker is measured.")] = 30,
    only: Annotated[list[Part] | None, typer.Option(help="Measure this part alone; may be repeated.")] = None,
    apart: Annotated[
        bool, typer.Option("--apart", help="Give the system half of the cores, and client and emulator the others.")
    ] = False,
    output: Annotated[Path, typer.Option(help="Folder for system.json.")] = results.FOLDER,
) -> None:
    """Send photographs through the real processes on the AWS emulator. MODEL chooses the model; default: two models."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the started processes are stopped
    if apart:
        cores.split()
    extent = Extent(images, rounds, idle_seconds, only or list(Part))
    found = [measured(model, extent, console.print) for model in models()]
    results.report(
        "system",
        [row for one in found for row in rows(one)],
        [run for one in found for run in single_runs(one)],
        versions=results.versions_of(MEASURED),
        folder=output,
        tables_by=("model", "engine", "precision"),
    )


if __name__ == "__main__":
    typer.run(main)
