"""The command: fill an empty PostgreSQL database with rows, then measure each page that lists some of them."""

import os
from typing import Annotated

import django
import typer
from django.core.management import call_command
from rich.console import Console

from benchmarks import results

console = Console(highlight=False, stderr=True)


def main(rows: Annotated[int, typer.Option(min=10_000, help="Classifications in the table.")] = 3_000_000) -> None:
    """Print how long each page takes. DATABASE_URL names the database, which keeps the rows."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()
    # Only now, since they need Django's settings.
    from benchmarks.lists.measurement import measured
    from benchmarks.lists.rows import fill

    call_command("migrate", verbosity=0)
    console.print(f"inserting {rows:,} classifications")
    fill(rows)
    results.print_tables(f"lists of {rows:,} classifications", measured(), ())


if __name__ == "__main__":
    typer.run(main)
