"""`make demo` and `make up`: the whole system on this machine, until Ctrl-C."""

import os
import time
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from infra.local import interrupts
from infra.local.environment import STATE, environment
from infra.local.samples import Sample, classify, pictures
from infra.local.stack import Stack, last_lines, running
from project import env
from project.env import ConfigurationError

cli = typer.Typer(help="The whole system on this machine, with an embedded AWS.", no_args_is_help=True)
console = Console(highlight=False)


@cli.command()
def up(samples: Annotated[bool, typer.Option(help="Classify the sample pictures first.")] = False) -> None:
    """Start everything and stay up until Ctrl-C, which stops all of it."""
    interrupts.accept()
    try:
        with console.status("checking the machine") as status:

            def say(step: str) -> None:
                console.print(f"[dim]{step}[/dim]")
                status.update(step)

            with running(env.read(env.Local), say) as stack:
                status.stop()
                if stack.fell_back():
                    _warn_of_fallback(stack)
                if samples:
                    _show_samples(stack)
                _show_addresses(stack)
                _stay(stack)
    except KeyboardInterrupt:
        console.print("stopped; what was uploaded is kept in", str(STATE))


@cli.command(context_settings={"allow_interspersed_args": False})  # so that the command's options are its own
def run(command: list[str]) -> NoReturn:
    """Run COMMAND in the stack's environment, for example: run python manage.py resubmit_stale."""
    os.execvpe(command[0], command, environment(env.read(env.Local)))


def _show_samples(stack: Stack) -> None:
    done: list[Sample] = []
    with console.status(f"classifying {len(pictures())} sample pictures"):
        done.extend(classify(stack.site, stack.token))
    table = Table("file", "label", "confidence", "time")
    for sample in sorted(done, key=lambda one: one.file):
        result = sample.result
        found = str(result["label"] or f"[red]{result['error']}[/red]")
        confidence = f"{result['confidence']:.1%}" if result["confidence"] else ""
        table.add_row(sample.file, found, confidence, f"{sample.seconds:.2f} s")
    console.print(table)


def _warn_of_fallback(stack: Stack) -> None:
    console.print(
        f"[yellow]Warning: the weights of {env.worker().model} could not be loaded, so the fallback "
        f"model EfficientNet-Lite0 classifies; {stack.logs}/worker.log says why.[/yellow]"
    )


def _show_addresses(stack: Stack) -> None:
    table = Table(box=None, show_header=False)
    table.add_row("Upload form", f"{stack.site}/")
    table.add_row("API docs", f"{stack.site}/api/v1/docs")
    table.add_row("Admin", f"{stack.site}/admin/   user admin, password {stack.admin_password} (for this run)")
    table.add_row("API token", f"{stack.token}   of admin (for this run)")
    table.add_row("Flower", f"{stack.flower}/")
    table.add_row("Logs", f"{stack.logs}/")
    console.print(table)
    console.print("Press Ctrl-C to stop.")


def _stay(stack: Stack) -> None:
    while True:
        time.sleep(1)
        if name := stack.gave_up():
            raise ConfigurationError(f"{name} ends as soon as it is started:\n{last_lines(stack.logs / f'{name}.log')}")


if __name__ == "__main__":
    cli()
