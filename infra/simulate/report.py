"""What a comparison found, as tables and plots."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from infra.simulate.comparison import Figures
from infra.simulate.simulation import MINUTE, Minute, Outcome

COLUMNS = ("policy", "p50", "p95", "p99", "hours", "$", "most", "changes", "killed")


class PlotError(RuntimeError):
    """matplotlib isn't installed."""


def print_tables(found: Mapping[str, Mapping[str, Figures]], price: float, console: Console) -> None:
    """Print one table for each workload.

    Waits in seconds; hours: instance-hours; most: instances in service at once; changes: how often
    the desired number changed.
    """
    for workload, policies in found.items():
        table = Table(*COLUMNS, title=workload)
        for column in table.columns[1:]:
            column.justify = "right"
        for policy, figures in policies.items():
            table.add_row(policy, *_cells(figures, price))
        console.print(table)


def markdown(found: Mapping[str, Mapping[str, Figures]], price: float) -> str:
    """Return one table of all workloads, for a page of the documentation."""
    lines = ["| workload | " + " | ".join(COLUMNS) + " |", "|---|---|" + "--:|" * (len(COLUMNS) - 1)]
    for workload, policies in found.items():
        for policy, figures in policies.items():
            lines.append(f"| {workload} | {policy} | " + " | ".join(_cells(figures, price)) + " |")
            workload = ""  # noqa: PLW2901 -- named in the first of its rows alone
    return "\n".join(lines) + "\n"


def _cells(figures: Figures, price: float) -> list[str]:
    return [
        _seconds(figures.p50),
        _seconds(figures.p95),
        _seconds(figures.p99),
        f"{figures.instance_hours:.1f}",
        f"{figures.instance_hours * price:.2f}",
        f"{figures.most_instances:.0f}",
        f"{figures.decisions:.0f}",
        f"{figures.killed:.0f}",
    ]


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds < 100 else f"{seconds:,.0f}"


def plot(title: str, outcomes: Mapping[str, Outcome], path: Path) -> None:
    """Draw arrivals, backlog, instances and waiting time of each policy over time. Raises PlotError."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise PlotError("Plots need matplotlib: pip install -r requirements/dev.txt") from error
    figure = Figure(figsize=(10, 9), layout="constrained")
    arrivals, backlog, instances, waits = figure.subplots(4, sharex=True)
    first = next(iter(outcomes.values()))
    arrivals.plot(_hours(first.minutes), [minute.arrived / MINUTE for minute in first.minutes], color="black", lw=0.8)
    for name, outcome in outcomes.items():
        hours, minutes = _hours(outcome.minutes), outcome.minutes
        backlog.plot(hours, [minute.visible + minute.in_flight for minute in minutes], label=name, lw=1)
        instances.step(hours, [minute.in_service for minute in minutes], where="post", label=name, lw=1)
        waits.plot(hours, [float("nan") if m.wait is None else m.wait for m in minutes], label=name, lw=1)
    for axes, label in (
        (arrivals, "pictures a second"),
        (backlog, "backlog"),
        (instances, "instances"),
        (waits, "wait, s"),
    ):
        _dress(axes, label)
    for axes in (backlog, waits):
        axes.set_yscale("symlog", linthresh=1)
        axes.set_ylim(bottom=0)
    figure.legend(*instances.get_legend_handles_labels(), loc="outside upper center", ncols=len(outcomes), title=title)
    waits.set_xlabel("hours")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90, metadata={"Software": None})


def _hours(minutes: list[Minute]) -> list[float]:
    return [(number + 1) / 60 for number in range(len(minutes))]


def _dress(axes: Any, label: str) -> None:
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)
