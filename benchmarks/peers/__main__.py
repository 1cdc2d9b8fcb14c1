"""The command: compare the whole system with LitServe, Ray Serve and BentoML, in turns within one run."""

import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import cores, results, variants
from benchmarks.peers.rows import rows, single_runs
from benchmarks.peers.servers import OURS, PEERS, SAME_ENGINE, prepare
from benchmarks.peers.turns import rounds
from benchmarks.stack import models
from benchmarks.variants import Variant

MEASURED = ("torch", "numpy", "pillow", "celery", "django", "uvicorn", "ministack")

console = Console(highlight=False, stderr=True)


def main(
    *,
    images: Annotated[int, typer.Option(min=10, help="Photographs per turn at the highest concurrency.")] = 200,
    turns: Annotated[int, typer.Option(min=1, help="Turns of each server.")] = 3,
    peer: Annotated[list[str] | None, typer.Option(help="Compare with this peer only; may be repeated.")] = None,
    engine: Annotated[
        list[Variant] | None,
        typer.Option(help="This engine and precision only; may be repeated. Default: all that the CPU can run."),
    ] = None,
    apart: Annotated[
        bool, typer.Option("--apart", help="Give the servers half of the cores, and client and emulator the others.")
    ] = False,
    output: Annotated[Path, typer.Option(help="Folder for peers.json.")] = results.FOLDER,
) -> None:
    """Measure each server in turn, with the same weights and client. MODEL chooses the model; default: two.

    All of it takes about an hour on two cores; one turn of all peers with one model and engine takes four minutes.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the started processes are stopped
    names = peer or list(PEERS)
    versions = {package: prepare(package) for package in dict.fromkeys(PEERS[name].package for name in names)}
    if apart:
        cores.split()
    found = [
        list(rounds(model, variant, _taking_part(names, variant), images=images, count=turns, log=console.print))
        for model in models()
        for variant in engine or variants.run_by_this_cpu()
    ]
    results.report(
        "peers",
        [row for one in found for row in rows(one)],
        [run for one in found for run in single_runs(one)],
        versions={**results.versions_of(MEASURED), **versions},
        folder=output,
        tables_by=("model", "engine", "precision", "concurrency"),
    )


def _taking_part(names: list[str], variant: Variant) -> list[str]:
    """Return the servers to compare. The documentations' examples, which have PyTorch's fp32, only with fp32."""
    return [OURS, *(name for name in names if variant.precision == "fp32" or PEERS[name].kind == SAME_ENGINE)]


if __name__ == "__main__":
    typer.run(main)
