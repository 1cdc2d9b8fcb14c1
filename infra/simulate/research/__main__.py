"""The search as a command: `python -m infra.simulate.research --write found.json`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from infra.simulate import options
from infra.simulate.comparison import Setting
from infra.simulate.research import tuning
from infra.simulate.simulation import Conditions

cli = typer.Typer(add_completion=False, no_args_is_help=True)
console = Console(highlight=False)


@cli.command()
def tune(
    *,
    write: Annotated[
        Path, typer.Option(help="Where the best policies are written, for `python -m infra.simulate compare --also`.")
    ],
    candidates: Annotated[int, typer.Option(min=10, help="How many to try.")] = 120,
    seed: Annotated[int, typer.Option(help="Of the search.")] = 1,
    plan: options.Plan = None,
    model: options.Model = "resnet50",
    engine: options.Engine = "torch",
    precision: options.Precision = "fp32",
    rate: options.Rate = None,
    lone: options.Lone = None,
    held: options.Held = None,
    boot: options.Boot = 90,
    drain: options.Drain = 60,
    lag: options.Lag = 45,
) -> None:
    """Search for better steps and thresholds, on the training traces. `python -m infra.simulate` compares on others."""
    worker = options.worker(
        model=model, engine=engine, precision=precision, rate=rate, lone=lone, held=held, boot=boot, drain=drain
    )
    setting = Setting(worker=worker, conditions=Conditions(lag_seconds=lag), target_seconds=10)
    base = options.fleet(plan)
    console.print(options.described(worker, lag), soft_wrap=True)
    best, score = tuning.search(base, setting, candidates, seed)
    for name, value in tuning.described(best):
        console.print(f"{name:20} {value}")
    console.print(f"score {score:.3f}, by {candidates} candidates")
    write.write_text(tuning.fleet(best, base, worker).json())


if __name__ == "__main__":
    cli()
