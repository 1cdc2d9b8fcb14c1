"""Pruning: rows go once their retention is over, and nothing that was accepted is lost by it."""

import re
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from io import StringIO
from pathlib import Path
from uuid import UUID

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from classify_app.models import Classification, DeadLetter, State, id_at
from classify_app.repair.pruning import PAGE, prune
from infra.local.environment import environment
from project import env
from project.stopping import Stop
from tests.configuration import configured
from tests.records import command_running, missing_table, row
from tests.test_elastic import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

ROOT = Path(__file__).resolve().parents[1]
DAYS = 30
RETENTION = timedelta(days=DAYS)
MINUTE = timedelta(minutes=1)


def id_of_age(age):
    return UUID(int=id_at(timezone.now() - age).int | secrets.randbits(80))


def aged(age, **fields):
    """Return a row that was accepted and done that long ago."""
    about = {"state": State.DONE, "finished_at": timezone.now() - age}
    return row(id=id_of_age(age), **{**about, **fields})


def letter_of_age(age, **fields):
    seen = timezone.now() - age
    about = {"queue": "requests", "message_id": secrets.token_hex(8), "receives": 6}
    return DeadLetter.objects.create(**{**about, "first_seen": seen, "last_seen": seen, **fields})


def session_that_ends(age_from_now):
    return Session.objects.create(session_key=secrets.token_hex(16), expire_date=timezone.now() + age_from_now)


def left(model=Classification):
    return set(model.objects.values_list("pk", flat=True))


@pytest.mark.parametrize("state", [State.DONE, State.FAILED])
def test_a_finished_row_goes_once_its_retention_is_over(state):
    aged(RETENTION + MINUTE, state=state)
    young = aged(RETENTION - MINUTE, state=state)
    assert prune(DAYS)["classifications"] == 1
    assert left() == {young.pk}


def test_a_queued_row_stays_whatever_its_age():
    queued = aged(10 * RETENTION, state=State.QUEUED)
    prune(DAYS)
    assert left() == {queued.pk}


def test_a_row_that_was_accepted_long_ago_and_finished_lately_stays():
    late = aged(2 * RETENTION, finished_at=timezone.now())
    prune(DAYS)
    assert left() == {late.pk}


def test_what_refers_to_a_row_outlives_it():
    original = aged(RETENTION + MINUTE)
    rerun, letter = row(rerun_of=original), letter_of_age(MINUTE, classification=original)
    prune(DAYS)
    rerun.refresh_from_db()
    letter.refresh_from_db()
    assert (left(), rerun.rerun_of, letter.classification) == ({rerun.pk}, None, None)


@pytest.mark.parametrize("state", DeadLetter.State)
def test_a_dead_letter_goes_once_its_retention_is_over_whether_it_was_handled_or_not(state):
    letter_of_age(RETENTION + MINUTE, state=state)
    young = letter_of_age(RETENTION - MINUTE, state=state)
    assert prune(DAYS)["dead letters"] == 1
    assert left(DeadLetter) == {young.pk}


def test_a_dead_letter_that_was_handled_lately_stays():
    handled = letter_of_age(2 * RETENTION, state=DeadLetter.State.DISCARDED, handled_at=timezone.now())
    prune(DAYS)
    assert left(DeadLetter) == {handled.pk}


def test_a_dead_letter_of_a_queued_row_stays():
    letter = letter_of_age(2 * RETENTION, classification=aged(3 * RETENTION, state=State.QUEUED))
    prune(DAYS)
    assert left(DeadLetter) == {letter.pk}


@pytest.mark.parametrize("days", [DAYS, 0])
def test_sessions_go_once_they_have_expired(days):
    session_that_ends(-MINUTE)
    live = session_that_ends(MINUTE)
    assert prune(days)["sessions"] == 1
    assert left(Session) == {live.pk}


def test_with_a_retention_of_0_rows_are_kept_for_ever():
    kept, letter = aged(100 * RETENTION), letter_of_age(100 * RETENTION)
    assert prune(0) == {"sessions": 0}
    assert (left(), left(DeadLetter)) == ({kept.pk}, {letter.pk})


def many(count, age=2 * RETENTION):
    """Insert rows that were done so long ago, each with a re-run and a dead letter that stay."""
    about = {"width": 8, "height": 8, "bytes": 8, "state": State.DONE, "finished_at": timezone.now() - age}
    old = Classification.objects.bulk_create(Classification(id=id_of_age(age), **about) for _ in range(count))
    Classification.objects.bulk_create(Classification(rerun_of=one, **{**about, "finished_at": None}) for one in old)
    about = {"queue": "requests", "receives": 6}
    DeadLetter.objects.bulk_create(DeadLetter(message_id=one.pk, classification=one, **about) for one in old)


def test_rows_are_deleted_a_page_at_a_time_by_few_queries_that_all_use_an_index():
    many(2 * PAGE + 1)
    with CaptureQueriesContext(connection) as captured:
        assert prune(DAYS) == {"classifications": 2 * PAGE + 1, "dead letters": 0, "sessions": 0}
    statements = [one["sql"] for one in captured if one["sql"].startswith(("SELECT", "UPDATE", "DELETE"))]
    assert sum(one["sql"].startswith("BEGIN") for one in captured) >= 3
    assert len(statements) <= 3 * 12
    assert not any("thumbnail" in statement for statement in statements)
    assert [plan for plan in map(plan_of, statements) if re.search(r"Seq Scan|^SCAN", plan, re.MULTILINE)] == []


def plan_of(statement):
    """Return how a database runs a statement if it can't take the whole table instead of an index."""
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
        else:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(f"EXPLAIN {statement}")
        return "\n".join(str(line[-1]) for line in cursor.fetchall())


class StopAfter(Stop):
    """A stop that is requested once it was asked for a number of times."""

    def __init__(self, times):
        super().__init__()
        self.times = times

    def __bool__(self):
        self.times -= 1
        return self.times < 0


def test_a_prune_ends_at_a_stop_between_two_pages():
    many(2 * PAGE)
    before = Classification.objects.count()
    prune(DAYS, StopAfter(1))
    assert Classification.objects.count() == before - PAGE


def test_a_row_that_is_queued_again_at_the_same_moment_stays():
    failed, other = (aged(2 * RETENTION, state=State.FAILED) for _ in range(2))
    updated, pruning = threading.Event(), threading.Event()

    def queue_again():
        try:
            with transaction.atomic():
                Classification.objects.filter(id=failed.id).update(state=State.QUEUED, finished_at=None)
                updated.set()
                pruning.wait(10)
        finally:
            connections.close_all()

    def prune_meanwhile():
        try:
            return prune(DAYS)["classifications"]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        queueing = threads.submit(queue_again)
        assert updated.wait(10)
        deleting = threads.submit(prune_meanwhile)
        # PostgreSQL passes over the row, SQLite waits for the whole table.
        if connection.vendor == "postgresql":
            assert deleting.result(10) == 1
        pruning.set()
        queueing.result()
        assert deleting.result() == 1
    assert left() == {failed.pk}
    assert other.pk not in left()


def pruned(*arguments):
    output = StringIO()
    call_command("prune", *arguments, stdout=output)
    return output.getvalue()


def test_the_command_prints_what_it_deleted():
    aged(2 * RETENTION)
    letter_of_age(2 * RETENTION)
    with configured(RETENTION_DAYS=str(DAYS)):
        assert pruned() == "pruned: 1 classifications, 1 dead letters, 0 sessions\n"
    assert left() == left(DeadLetter) == set()


def test_the_command_takes_another_retention():
    aged(RETENTION - MINUTE)
    assert pruned(f"--older-than-days={DAYS}") == "pruned: 0 classifications, 0 dead letters, 0 sessions\n"
    assert pruned(f"--older-than-days={DAYS - 1}") == "pruned: 1 classifications, 0 dead letters, 0 sessions\n"
    with pytest.raises(CommandError, match="--older-than-days"):
        pruned("--older-than-days=0")


def test_a_dry_run_deletes_nothing():
    old = aged(2 * RETENTION)
    with configured(RETENTION_DAYS=str(DAYS)):
        assert pruned("--dry-run") == "would be pruned: 1 classifications, 0 dead letters, 0 sessions\n"
    assert left() == {old.pk}


@pytest.mark.usefixtures("aws")
def test_the_sweepers_process_prunes_and_goes_on_after_an_error_of_the_database():
    aged(2 * RETENTION)
    sweeper = command_running("resubmit_stale --every 1", "database unavailable", RETENTION_DAYS=str(DAYS))
    with ExitStack() as until_the_end:
        with missing_table():
            until_the_end.enter_context(sweeper)
        wait_until(lambda: left() == set())


def test_by_default_rows_are_kept_as_long_as_records():
    variables = (ROOT / "infra/terraform/variables.tf").read_text()
    [default] = re.findall(r'variable "output_expiry_days" {.*?default += (\d+)', variables, re.DOTALL)
    assert env.web().retention_days == int(default)


def test_a_local_stack_keeps_rows_for_ever_as_it_keeps_objects(tmp_path):
    assert environment(env.read(env.Local, {}), tmp_path / "state")["RETENTION_DAYS"] == "0"
