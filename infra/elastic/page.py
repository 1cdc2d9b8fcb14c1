"""The page on a run: bars of what waits and of the instances, minute by minute, and each decision's reason."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from infra.elastic.loop import Minute

SHOWN_MINUTES = 60
TEMPLATE = Path(__file__).with_name("page.html")
STARTED = "The fleet has just been started; its first minute isn't over."
REFRESH = '<meta http-equiv="refresh" content="2">'


def page(minutes: Sequence[Minute], *, running: bool) -> str:
    """Return the page as HTML, the latest minute first; while the run goes on, browsers reload it every 2 s."""
    latest = minutes[: -SHOWN_MINUTES - 1 : -1]
    decided = [minute for minute in reversed(minutes) if minute.reason][:SHOWN_MINUTES]
    most_waiting = max((minute.visible for minute in minutes), default=0)
    most_instances = max((minute.in_service for minute in minutes), default=0)
    return Template(TEMPLATE.read_text()).substitute(
        refresh=REFRESH if running else "",
        now=_now(latest[0]) if latest else STARTED if running else "The run ended before its first minute was over.",
        decisions=_decisions(decided),
        rows="\n".join(_row(minute, most_waiting, most_instances) for minute in latest),
    )


def _now(minute: Minute) -> str:
    return (
        f"Minute {minute.minute}: {minute.visible} waiting, {minute.in_flight} in flight; "
        f"{minute.in_service} in service, {minute.pending} pending, {minute.terminating} draining, "
        f"{minute.desired} wanted."
    )


def _decisions(decided: Sequence[Minute]) -> str:
    if not decided:
        return "<p>None yet.</p>"
    items = "".join(f"<li>Minute {minute.minute}: {escape(minute.reason)}</li>" for minute in decided)
    return f"<ul>{items}</ul>"


def _row(minute: Minute, most_waiting: int, most_instances: int) -> str:
    cells = (
        minute.minute,
        _bar(minute.visible, most_waiting),
        minute.in_flight,
        _bar(minute.in_service, most_instances),
        minute.desired,
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _bar(value: int, most: int) -> str:
    return f'<meter min="0" max="{most or 1}" value="{value}"></meter> {value}'
