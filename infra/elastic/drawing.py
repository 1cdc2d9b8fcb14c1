"""A run of the local fleet, drawn."""

from collections.abc import Sequence
from pathlib import Path

from infra.elastic.loop import Minute
from infra.simulate.report import PlotError


def draw(minutes: Sequence[Minute], image: Path) -> None:
    """Write the backlog and the instances over time as an image; its suffix chooses the format. Raises PlotError."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise PlotError("Plots need matplotlib: pip install -r requirements/dev.txt") from error
    figure = Figure(figsize=(9, 6), layout="constrained")
    queue, instances = figure.subplots(2, 1, sharex=True)
    at = [minute.seconds for minute in minutes]
    queue.plot(at, [minute.visible for minute in minutes], label="waiting")
    queue.plot(at, [minute.in_flight for minute in minutes], label="in flight")
    queue.set_ylabel("pictures")
    instances.step(at, [minute.desired for minute in minutes], where="post", label="wanted", linestyle="--")
    instances.step(at, [minute.in_service for minute in minutes], where="post", label="in service")
    instances.step(at, [minute.terminating for minute in minutes], where="post", label="draining")
    instances.set_ylabel("instances")
    instances.yaxis.get_major_locator().set_params(integer=True)
    instances.set_xlabel("seconds")
    for axes in (queue, instances):
        axes.legend()
        axes.grid(alpha=0.3)
    figure.savefig(image, dpi=100)
