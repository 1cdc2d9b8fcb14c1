"""`python -m workers cat.jpg …` classifies pictures without AWS; `export` and `verify` prepare other engines."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from project import env, logs
from project.pictures import BadPicture
from workers import commands
from workers.pipeline import Outcome, pipeline

CLASSIFY = "classify"


class Commands(typer.core.TyperGroup):
    """Runs `classify` if the first argument is not a command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = [CLASSIFY, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command("export")(commands.export)
app.command("verify")(commands.verify)

Pictures = Annotated[list[Path], typer.Argument(help="Pictures to classify.", exists=True, dir_okay=False)]


@app.callback()
def about() -> None:
    """The worker's model, without AWS. `python -m workers cat.jpg` means `python -m workers classify cat.jpg`."""


@app.command(CLASSIFY)
def classify(
    pictures: Pictures,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per picture.")] = False,
) -> None:
    """Classify PICTURES: print the most likely label and its confidence, by the model that MODEL names.

    The exit code is 1 if any of them can't be classified.
    """
    logs.configure()
    classifying = pipeline()

    def outcome(path: Path) -> Outcome | BadPicture:
        try:
            return classifying.classify(path.read_bytes())
        except BadPicture as bad:
            return bad

    console = Console(stderr=True)
    with ThreadPoolExecutor(env.worker().held_messages) as threads:
        outcomes = list(track(threads.map(outcome, pictures), "classifying", len(pictures), console=console))
    if as_json:
        _print_json(pictures, outcomes)
    else:
        _print_table(pictures, outcomes)
    if any(isinstance(found, BadPicture) for found in outcomes):
        raise typer.Exit(1)


def _print_json(pictures: list[Path], outcomes: list[Outcome | BadPicture]) -> None:
    model, weights = pipeline().model, pipeline().weights
    for path, found in zip(pictures, outcomes, strict=True):
        document = {"file": str(path), "model": model.name, "weights": weights}
        if isinstance(found, BadPicture):
            print(json.dumps({**document, "error_code": found.code, "error": str(found)}))
        else:
            print(json.dumps({**document, "top5": [asdict(prediction) for prediction in found.top5]}))


def _print_table(pictures: list[Path], outcomes: list[Outcome | BadPicture]) -> None:
    table = Table("file", "label", "confidence", caption=f"{pipeline().model.name}, {pipeline().weights}")
    for path, found in zip(pictures, outcomes, strict=True):
        if isinstance(found, BadPicture):
            table.add_row(path.name, f"[red]{found}[/red]", "")
        else:
            table.add_row(path.name, found.top5[0].label, f"{found.top5[0].confidence:.1%}")
    Console().print(table)


if __name__ == "__main__":
    app()
