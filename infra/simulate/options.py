"""The options that say what is simulated, for the commands that simulate."""

from pathlib import Path
from typing import Annotated

import typer

from infra.scaling import policies
from infra.scaling.metric_math import ExpressionError
from infra.scaling.plan import read_plan
from infra.scaling.policies import Fleet, PolicyError
from infra.simulate.worker import BenchmarkError, Worker, measured

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


def fleet(plan: Path | None) -> Fleet:
    """Return the policies of a plan, or those that are checked in. Ends the program where they can't be read."""
    try:
        return policies.load() if plan is None else read_plan(plan)
    except (PolicyError, ExpressionError, OSError) as error:
        raise SystemExit(str(error)) from error


def worker(
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
    """Return the measured worker with what the options override. Ends the program where nothing is measured."""
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


def described(worker: Worker, lag: float) -> str:
    return (
        f"an instance does {worker.rate:.3g} pictures a second, one alone takes {worker.lone_seconds:.3g} s; "
        f"it holds {worker.held}; boot {worker.boot_seconds:g} s, metrics {lag:g} s late"
    )
