"""The commands: compare policies on workloads, and tune ours."""

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from infra.scaling import policies
from infra.scaling.metric_math import ExpressionError
from infra.scaling.plan import read_plan
from infra.scaling.policies import Fleet, PolicyError
from infra.simulate import report
from infra.simulate.comparison import BUILT_IN, MOST, OURS, Setting, compare, outcomes
from infra.simulate.research import tuning
from infra.simulate.simulation import Conditions
from infra.simulate.worker import BenchmarkError, Worker, measured
from infra.simulate.workloads import SHAPES, TraceError, Workload

INSTANCE_TYPE, INSTANCE_HOUR_USD = "c7i.large", 0.08925
"""Linux, on demand, us-east-1: https://aws.amazon.com/ec2/pricing/on-demand/ (2025)."""

cli = typer.Typer(help="Replay a workload on a simulated fleet and compare scaling policies.", no_args_is_help=True)
console = Console(highlight=False)

Shape = Enum("Shape", {name: name for name in SHAPES})  # type: ignore[misc]

Plan = Annotated[
    Path | None, typer.Option(help="What `terraform show -json PLAN` prints; without it the checked-in policies.")
]
Model = Annotated[str, typer.Option(help="Whose rate to take from the benchmarks.")]
Engine = Annotated[str, typer.Option(help="torch or onnx.")]
Precision = Annotated[str, typer.Option(help="fp32, bf16 or int8.")]
Rate = Annotated[float | None, typer.Option(help="Pictures a second of an instance, instead of the measured rate.")]
Lone = Annotated[float | None, typer.Option(help="Seconds from receive to result of a picture that is alone.")]
Held = Annotated[int | None, typer.Option(help="Messages that an instance holds at most.")]
Boot = Annotated[float, typer.Option(help="Seconds from launch to in service.")]
Drain = Annotated[float, typer.Option(help="Seconds that an instance finishes what it holds, then it gives back.")]
Lag = Annotated[float, typer.Option(help="Seconds from the end of a minute until an alarm acts on it.")]


@cli.command("compare")
def compare_policies(
    *,
    shapes: Annotated[list[Shape] | None, typer.Argument(help="Built-in workloads; all if none is named.")] = None,
    arrivals: Annotated[
        Path | None, typer.Option(help="A CSV or JSON of times of arrival, instead of built-in workloads.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many of each workload.")] = 3,
    first_seed: Annotated[int, typer.Option(help="The first of the seeds.")] = 101,
    plan: Plan = None,
    also: Annotated[list[Path] | None, typer.Option(help="More files of policies to compare, by their names.")] = None,
    model: Model = "resnet50",
    engine: Engine = "torch",
    precision: Precision = "fp32",
    rate: Rate = None,
    lone: Lone = None,
    held: Held = None,
    boot: Boot = 90,
    drain: Drain = 60,
    lag: Lag = 45,
    target: Annotated[float, typer.Option(help="Seconds of backlog that target tracking aims at.")] = 10,
    price: Annotated[float, typer.Option(help=f"US dollars an hour of an instance; by default a {INSTANCE_TYPE}.")] = (
        INSTANCE_HOUR_USD
    ),
    markdown: Annotated[bool, typer.Option(help="Print one table in Markdown.")] = False,
    plots: Annotated[Path | None, typer.Option(help="A folder for a plot of each workload's first seed.")] = None,
) -> None:
    """Print waits in seconds, instance-hours, price and killed work of each policy on each workload."""
    worker = _worker(
        model=model, engine=engine, precision=precision, rate=rate, lone=lone, held=held, boot=boot, drain=drain
    )
    setting = Setting(worker=worker, conditions=Conditions(lag_seconds=lag), target_seconds=target)
    fleets = {OURS: _fleet(plan), **_named(also or [])}
    if arrivals is not None:
        workloads = [Workload(file=arrivals)]
    else:
        names = [shape.value for shape in shapes or Shape]
        workloads = [Workload(name, seed) for name in names for seed in range(first_seed, first_seed + seeds)]
    _say(worker, lag)
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


@cli.command()
def tune(
    *,
    write: Annotated[Path, typer.Option(help="Where the best policies go, for `compare --also`.")],
    candidates: Annotated[int, typer.Option(min=10, help="How many to try.")] = 120,
    seed: Annotated[int, typer.Option(help="Of the search.")] = 1,
    plan: Plan = None,
    model: Model = "resnet50",
    engine: Engine = "torch",
    precision: Precision = "fp32",
    rate: Rate = None,
    lone: Lone = None,
    held: Held = None,
    boot: Boot = 90,
    drain: Drain = 60,
    lag: Lag = 45,
) -> None:
    """Search steps and thresholds on the traces to train on; `compare` then tells on others."""
    worker = _worker(
        model=model, engine=engine, precision=precision, rate=rate, lone=lone, held=held, boot=boot, drain=drain
    )
    setting = Setting(worker=worker, conditions=Conditions(lag_seconds=lag), target_seconds=10)
    base = _fleet(plan)
    _say(worker, lag)
    best, score = tuning.search(base, setting, candidates, seed)
    for name, value in tuning.described(best):
        console.print(f"{name:20} {value}")
    console.print(f"score {score:.3f}, by {candidates} candidates")
    write.write_text(tuning.fleet(best, base, worker).json())


def _fleet(plan: Path | None) -> Fleet:
    try:
        return policies.load() if plan is None else read_plan(plan)
    except (PolicyError, ExpressionError, OSError) as error:
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


def _worker(
    *,
    model: str,
    engine: str,
    precision: str,
    rate: float | None,
    lone: float | None,
    held: int | None,
    boot: float,
    drain: float,
) -> Worker:
    try:
        found = measured(model, engine, precision)
        alone = found.lone_seconds if lone is None else lone
        return Worker(
            rate=found.rate if rate is None else rate,
            # A picture that is alone isn't answered sooner than one among others.
            lone_seconds=max(alone, 1 / rate) if rate else alone,
            held=found.held if held is None else held,
            boot_seconds=boot,
            drain_seconds=drain,
        )
    except (BenchmarkError, ValueError, OSError) as error:
        raise SystemExit(str(error)) from error


def _say(worker: Worker, lag: float) -> None:
    console.print(
        f"an instance does {worker.rate:.3g} pictures a second, one alone takes {worker.lone_seconds:.3g} s; "
        f"it holds {worker.held}; boot {worker.boot_seconds:g} s, metrics {lag:g} s late",
        soft_wrap=True,
    )


def _plot(fleets: dict[str, Fleet], workloads: Sequence[Workload], setting: Setting, folder: Path) -> None:
    for name in dict.fromkeys(workload.name for workload in workloads):
        first = next(workload for workload in workloads if workload.name == name)
        found = outcomes(fleets, first.trace(setting.worker.rate), setting)
        found.pop(MOST)  # a flat line that would hide the others
        report.plot(name, found, folder / f"elasticity-{name}.png")


if __name__ == "__main__":
    cli()
