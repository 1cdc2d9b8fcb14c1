"""The command: compare policies on workloads."""

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from infra.scaling import policies
from infra.scaling.metric_math import ExpressionError
from infra.scaling.policies import Fleet, PolicyError
from infra.simulate import options, report
from infra.simulate.comparison import BUILT_IN, MOST, OURS, Setting, compare, outcomes
from infra.simulate.simulation import Conditions
from infra.simulate.workloads import SHAPES, TraceError, Workload

INSTANCE_TYPE, INSTANCE_HOUR_USD = "c7i.large", 0.08925
"""Linux, on demand, us-east-1: https://aws.amazon.com/ec2/pricing/on-demand/ (2025)."""

cli = typer.Typer(no_args_is_help=True)
console = Console(highlight=False)

Shape = Enum("Shape", {name: name for name in SHAPES})  # type: ignore[misc]


@cli.callback()
def main() -> None:
    """Replay a workload on a simulated fleet and compare scaling policies."""


@cli.command("compare")
def compare_policies(
    *,
    shapes: Annotated[list[Shape] | None, typer.Argument(help="Built-in workloads; all if none is named.")] = None,
    arrivals: Annotated[
        Path | None, typer.Option(help="A CSV or JSON of times of arrival, instead of built-in workloads.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many of each workload.")] = 3,
    first_seed: Annotated[int, typer.Option(help="The first of the seeds.")] = 101,
    plan: options.Plan = None,
    also: Annotated[list[Path] | None, typer.Option(help="More files of policies to compare, by their names.")] = None,
    model: options.Model = "resnet50",
    engine: options.Engine = "torch",
    precision: options.Precision = "fp32",
    rate: options.Rate = None,
    lone: options.Lone = None,
    held: options.Held = None,
    boot: options.Boot = 90,
    drain: options.Drain = 60,
    lag: options.Lag = 45,
    target: Annotated[float, typer.Option(help="Seconds of backlog that target tracking aims at.")] = 10,
    price: Annotated[float, typer.Option(help=f"US dollars an hour of an instance; by default a {INSTANCE_TYPE}.")] = (
        INSTANCE_HOUR_USD
    ),
    markdown: Annotated[bool, typer.Option(help="Print one table in Markdown.")] = False,
    plots: Annotated[Path | None, typer.Option(help="A folder for a plot of each workload's first seed.")] = None,
) -> None:
    """Print waits in seconds, instance-hours, price and killed work of each policy on each workload."""
    worker = options.worker(
        model=model, engine=engine, precision=precision, rate=rate, lone=lone, held=held, boot=boot, drain=drain
    )
    setting = Setting(worker=worker, conditions=Conditions(lag_seconds=lag), target_seconds=target)
    fleets = {OURS: options.fleet(plan), **_named(also or [])}
    if arrivals is not None:
        workloads = [Workload(file=arrivals)]
    else:
        names = [shape.value for shape in shapes or Shape]
        workloads = [Workload(name, seed) for name in names for seed in range(first_seed, first_seed + seeds)]
    console.print(options.described(worker, lag), soft_wrap=True)
    try:
        found = compare(fleets, workloads, setting)
        if markdown:
            print(report.markdown(found, price))
        else:
            report.print_tables(found, price, console)
        if plots is not None:
            _plot(fleets, workloads, setting, plots)
    except (TraceError, PolicyError, report.PlotError, OSError) as error:
        raise SystemExit(str(error)) from error


def _named(paths: Sequence[Path]) -> dict[str, Fleet]:
    """Return the policies of each file by its name without suffix."""
    fleets: dict[str, Fleet] = {}
    for path in paths:
        if path.stem in BUILT_IN or path.stem in fleets:
            raise SystemExit(f"--also {path}: another policy is named {path.stem!r}; name the file differently.")
        fleets[path.stem] = _loaded(path)
    return fleets


def _loaded(path: Path) -> Fleet:
    try:
        return policies.load(path)
    except (PolicyError, ExpressionError, OSError) as error:
        raise SystemExit(str(error)) from error


def _plot(fleets: dict[str, Fleet], workloads: Sequence[Workload], setting: Setting, folder: Path) -> None:
    for name in dict.fromkeys(workload.name for workload in workloads):
        first = next(workload for workload in workloads if workload.name == name)
        found = outcomes(fleets, first.trace(setting.worker.rate), setting)
        found.pop(MOST)  # a flat line that would hide the others
        report.plot(name, found, folder / f"elasticity-{name}.png")


if __name__ == "__main__":
    cli()
