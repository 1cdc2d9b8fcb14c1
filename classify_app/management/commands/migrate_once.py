"""`manage.py migrate_once`: apply the migrations once, even if many instances start at the same time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from project.backoff import Backoff

log = structlog.get_logger()

LOCK = 7_102_451_377_215_904_266
"""Key of the PostgreSQL advisory lock for migrations: any number that no other lock uses."""

WAIT_SECONDS = 300  # for the database, which may start at the same time


class Command(BaseCommand):
    help = "Apply the missing migrations, if any. On PostgreSQL one process at a time applies them, the others wait."

    def handle(self, *args: Any, **options: Any) -> None:
        _wait_for_database()
        with _migration_lock():
            missing = _missing_migrations()
            if not missing:
                self.stdout.write("no migration is missing")
                return
            call_command("migrate", interactive=False, verbosity=options["verbosity"], stdout=self.stdout)
            self.stdout.write(f"applied {len(missing)}: {', '.join(missing)}")


def _wait_for_database() -> None:
    backoff, deadline = Backoff(), time.monotonic() + WAIT_SECONDS
    while True:
        try:
            connection.ensure_connection()
            return
        except OperationalError as error:
            if time.monotonic() > deadline:
                raise CommandError(f"The database is unavailable: {error}") from error
            log.warning("the database is unavailable, trying again", reason=str(error).strip())
        time.sleep(backoff.seconds())


@contextmanager
def _migration_lock() -> Iterator[None]:
    """Hold the migration lock; wait if another process holds it. On SQLite there is none: its site is one machine."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _missing_migrations() -> list[str]:
    """Return the migrations that are not applied yet, in the order in which they will be."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]
