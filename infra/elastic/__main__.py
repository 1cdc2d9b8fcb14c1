"""`make elastic`: bursts of pictures, and a fleet of real workers that grows and shrinks with them."""

import os
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import boto3
import httpx
import typer
from rich.console import Console
from rich.table import Table

from infra.elastic import drawing
from infra.elastic.bursts import Bursts, Outcome
from infra.elastic.group import Group, LaunchesFail
from infra.elastic.history import History, read
from infra.elastic.instances import Instance
from infra.elastic.loop import Loop, Minute, Queue
from infra.local import interrupts, resources
from infra.local.environment import STATE, aws_url, environment
from infra.local.photographs import photographs
from infra.local.stack import running
from infra.scaling import policies
from infra.scaling.metric_math import ExpressionError
from infra.scaling.plan import read_plan
from infra.scaling.policies import Fleet
from infra.simulate.report import PlotError
from project import env

NAMES = ("web", "results", "dead-letters", "sweeper", "flower")
"""What the stack runs by itself; the workers are the fleet's."""
HISTORY = STATE / "elastic" / "history.json"
MARKER = "made-by-a-run"
"""This file marks a folder that a run made, so the next run may delete it."""
WORKER_BYTES = 1e9
WORKERS_PER_CORE = 2
# One worker on one core, as an instance is in AWS, so that several fit.
WORKER_SETTINGS = {"MODEL_THREADS": "1", "MAX_BATCH_SIZE": "4", "LOG_FORMAT": "json"}
DRAIN_SECONDS = 30
HOOK_SECONDS = 60
"""A worker that drains for longer is killed. `--speed` leaves this as it is, since it makes no worker faster."""
LIMIT_SECONDS = 1200

cli = typer.Typer(help="The elastic loop on one machine.", no_args_is_help=True)
console = Console(highlight=False)


@cli.command()
def run(
    bursts: Annotated[
        str, typer.Option(help="Pictures in each burst; the next burst is sent when all are done.")
    ] = "100,400",
    speed: Annotated[float, typer.Option(min=1, help="How many times faster than AWS minutes pass.")] = 30,
    most: Annotated[int, typer.Option("--max", min=0, help="Workers at most; 0: as many as this machine can run.")] = 0,
    plan: Annotated[Path | None, typer.Option(help="JSON of a Terraform plan, in place of the copy.")] = None,
    history: Annotated[
        Path,
        typer.Option(
            dir_okay=False,
            help="Where the minutes are written; HISTORY.html shows them, logs and all else go into HISTORY.state.",
        ),
    ] = HISTORY,
) -> None:
    """Send bursts of pictures to a stack on this machine whose workers follow the policies; exit 1 if one is lost."""
    interrupts.accept()
    sizes, pictures = _sizes(bursts), _photographs()
    fleet = _bounded(_fleet(plan), most)
    console.print(f"{fleet.group.min} to {fleet.group.max} workers; a minute lasts {60 / speed:.3g} s")
    state = fresh_state(history)
    ports = env.read(env.Local)
    settings = {**WORKER_SETTINGS, "DRAIN_SECONDS": str(DRAIN_SECONDS)}
    kept = History(history, minute_seconds=60 / speed)
    kept.write([])
    console.print(f"the fleet live: {kept.page.as_uri()}", soft_wrap=True)
    try:
        with running(ports, console.print, state=state, names=NAMES, settings=settings, keep=False) as stack:
            environ = {**environment(ports, state), **settings}
            console.print(f"the site: {stack.site}/   user admin, password {stack.admin_password}", soft_wrap=True)
            group = Group(
                lambda number: Instance(number, environ, stack.logs, HOOK_SECONDS),
                fleet.group.desired,
                lambda line: console.print(f"[dim]{line}[/dim]"),
            )
            loop = Loop(fleet, group, Measuring(aws_url(ports)), 60 / speed, kept.write)
            try:
                client = Bursts(stack.site, stack.token, pictures)
                outcome = played(loop, group, client, sizes, fleet.group.min)
            finally:
                interrupts.ignore()  # A second Ctrl-C must leave no worker behind.
                group.kill()
    except KeyboardInterrupt:
        console.print("stopped")
        raise typer.Exit(130) from None
    except (LaunchesFail, httpx.HTTPError) as error:
        console.print(f"[red]{error}[/red]")
        raise typer.Exit(1) from error
    finally:
        kept.end()
    raise typer.Exit(report(loop.minutes, group, outcome, fleet))


@cli.command()
def plot(history: Path, image: Path) -> None:
    """Draw a run's history, such as .local/elastic/history.json, as IMAGE.png."""
    try:
        drawing.draw(read(history), image)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{history} can't be drawn: {error!r}") from error
    except PlotError as error:
        raise SystemExit(str(error)) from error


def fresh_state(history: Path) -> Path:
    """Delete what an earlier run has left; return the folder for the stack's state, beside the history."""
    state = history.absolute().with_name(f"{history.name}.state")
    if (state / MARKER).exists():
        shutil.rmtree(state)
    try:
        state.mkdir(parents=True)
    except FileExistsError as error:
        raise typer.BadParameter(
            f"{state} is there, and no run made it; move it, or name another history", param_hint="--history"
        ) from error
    (state / MARKER).touch()
    history.unlink(missing_ok=True)
    return state


def _sizes(text: str) -> list[int]:
    try:
        sizes = [int(part) for part in text.split(",")]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 1:
        raise typer.BadParameter("must be whole numbers of 1 or more, such as 100,400", param_hint="--bursts")
    return sizes


def _bounded(fleet: Fleet, most: int) -> Fleet:
    """Return the fleet with at most `most` instances, or if that is 0 with as many as this machine can run."""
    half_of_memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2
    runnable = min((os.cpu_count() or 1) * WORKERS_PER_CORE, int(half_of_memory / WORKER_BYTES))
    bound = min(fleet.group.max, most or max(2, runnable))
    if bound < fleet.group.desired:
        raise typer.BadParameter(f"must be at least {fleet.group.desired}", param_hint="--max")
    return replace(fleet, group=replace(fleet.group, max=bound))


class Measuring:
    """Asks the request queue how much waits and is in flight."""

    def __init__(self, endpoint: str) -> None:
        self._sqs = boto3.client(
            "sqs",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 -- the emulator takes any
        )
        self._url = self._sqs.get_queue_url(QueueName=resources.REQUESTS.name)["QueueUrl"]

    def __call__(self) -> Queue:
        found = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["All"])["Attributes"]
        return Queue(int(found["ApproximateNumberOfMessages"]), int(found["ApproximateNumberOfMessagesNotVisible"]))


def _photographs() -> list[Path]:
    try:
        return photographs()
    except env.ConfigurationError as error:
        raise typer.BadParameter(str(error), param_hint="PHOTOS") from error


def _fleet(plan: Path | None) -> Fleet:
    try:
        return read_plan(plan) if plan else policies.load()
    except (policies.PolicyError, ExpressionError, OSError) as error:
        raise typer.BadParameter(str(error), param_hint="--plan") from error


def played(loop: Loop, group: Group, client: Bursts, sizes: Sequence[int], smallest: int) -> Outcome:
    """Send each burst once the one before is done; stop when the fleet is small again, or after LIMIT_SECONDS."""
    left = list(sizes)
    sent: Future[None] | None = None
    with ThreadPoolExecutor(1) as threads:
        while True:
            minute = loop.minute()
            _show(minute, loop.minutes[-2] if len(loop.minutes) > 1 else None)
            if minute.seconds > LIMIT_SECONDS:
                break
            if minute.in_service == 0 or (sent is not None and not sent.done()) or minute.visible or minute.in_flight:
                continue
            if sent is not None:
                sent.result()
            if left:
                size = left.pop(0)
                console.print(f"[bold]a burst of {size}[/bold]")
                sent = threads.submit(client.send, size)
            elif minute.pending + minute.in_service == smallest and not minute.terminating:
                outcome = client.outcome()
                if not outcome.lost:
                    return outcome
    if sent is not None:
        sent.result()
    return client.outcome()


def _show(minute: Minute, before: Minute | None) -> None:
    """Print a minute, unless nothing has changed."""
    if before is not None and replace(before, minute=minute.minute, seconds=minute.seconds) == minute:
        return
    console.print(
        f"minute {minute.minute:3}  {minute.seconds:5.0f} s  "
        f"waiting {minute.visible:3}  in flight {minute.in_flight:3}  pending {minute.pending}  "
        f"in service {minute.in_service}  draining {minute.terminating}  wanted {minute.desired}  {minute.reason}",
        soft_wrap=True,
    )


def report(minutes: Sequence[Minute], group: Group, outcome: Outcome, fleet: Fleet) -> int:
    """Print the results of a run; return the exit status."""
    table = Table("instances in service", "minutes", title="Instances over time")
    for count, spent in sorted(Counter(minute.in_service for minute in minutes).items()):
        table.add_row(str(count), str(spent))
    console.print(table)
    console.print("".join(str(min(minute.in_service, 9)) for minute in minutes), "in service, a digit a minute")
    peak = max(minute.in_service for minute in minutes)
    p50, p95 = outcome.wait(0.5), outcome.wait(0.95)
    console.print(f"peak {peak} workers; a picture waited {p50:.1f} s (p50), {p95:.1f} s (p95)")
    grew, shrank = peak > fleet.group.min, minutes[-1].in_service == fleet.group.min
    in_time = minutes[-1].seconds <= LIMIT_SECONDS
    if not in_time:
        console.print(f"[red]Not done within {LIMIT_SECONDS} s: what has no result counts as lost.[/red]")
    if not grew:
        console.print("[red]The fleet never grew: a larger burst, or a smaller --speed, would show more.[/red]")
    console.print(
        f"IN={outcome.accepted} DONE={outcome.done} FAILED={outcome.failed} LOST={outcome.lost} KILLED={group.killed}"
    )
    return 0 if grew and shrank and in_time and not outcome.lost and not group.killed else 1


if __name__ == "__main__":
    sys.exit(cli())
