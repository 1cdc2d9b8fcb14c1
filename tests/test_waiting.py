"""Waiting requests: one query for all; each ends when its own row is finished, or after its time-out."""

import asyncio
import threading
import time
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.db import connections

from classify_app.models import Classification, State
from classify_app.results.completion import complete
from classify_app.results.waiting import (
    IDS_PER_QUERY,
    MAX_POLL_SECONDS,
    MIN_POLL_SECONDS,
    Waiter,
    finished_among,
    poll_thread,
)
from classify_app.threads import THREADS, in_thread
from tests.records import done, failed, missing_table, row

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


def pollers():
    return [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__name__", "") == "_poll"]


@async_to_sync
async def wait_for_all(ids, seconds, meanwhile):
    """Wait for all ids with one waiter while `meanwhile` runs; return the states found, pollers and remaining waits."""
    waiter = Waiter()
    waits = [asyncio.create_task(waiter.wait(id, seconds)) for id in ids]
    await asyncio.sleep(0.1)
    polling = len(pollers())
    await in_thread(meanwhile)
    found = [one and one.state for one in await asyncio.gather(*waits)]
    return found, polling, waiter.waiting


def nothing():
    """Let the time pass."""


@pytest.mark.parametrize("outcome", [done, failed])
def test_a_wait_ends_as_soon_as_its_row_is_finished(outcome):
    queued = row()
    start = time.monotonic()
    answers, _, left = wait_for_all([queued.id], 20, lambda: complete(outcome(queued)))
    assert (answers, left) == ([outcome(queued).state], {})
    assert time.monotonic() - start < 2


def test_a_wait_for_a_finished_row_ends_at_once():
    finished = row()
    complete(done(finished))
    assert wait_for_all([finished.id], 20, nothing)[0] == [State.DONE]


def test_a_wait_that_times_out_returns_none_and_is_forgotten():
    answers, _, left = wait_for_all([row().id], 0.3, nothing)
    assert (answers, left) == ([None], {})


def test_one_poller_serves_many_waits():
    rows = [row() for _ in range(300)]

    def finish_all():
        for one in rows:
            complete(done(one))

    answers, polling, left = wait_for_all([one.id for one in rows], 20, finish_all)
    assert all(answers)
    assert (len(answers), polling, left) == (300, 1, {})


def test_many_may_wait_for_the_same_row():
    queued = row()
    answers, _, left = wait_for_all([queued.id] * 5, 20, lambda: complete(done(queued)))
    assert (answers, left) == ([State.DONE] * 5, {})


def test_each_wait_ends_only_with_its_own_row():
    finished, queued = row(), row()
    answers, _, left = wait_for_all([queued.id, finished.id], 2, lambda: complete(done(finished)))
    assert (answers, left) == ([None, State.DONE], {})


def test_a_cancelled_wait_is_forgotten():
    @async_to_sync
    async def left_after_giving_up():
        waiter = Waiter()
        wait = asyncio.create_task(waiter.wait(uuid4(), 20))
        await asyncio.sleep(0.1)
        wait.cancel()
        await asyncio.gather(wait, return_exceptions=True)
        return waiter.waiting

    assert left_after_giving_up() == {}


def test_the_poller_ends_with_the_last_wait():
    @async_to_sync
    async def pollers_afterwards():
        await Waiter().wait(uuid4(), 0.05)
        await asyncio.sleep(0.2)
        return pollers()

    assert pollers_afterwards() == []


def test_waits_survive_a_database_outage():
    queued = row()

    def go_away_and_come_back():
        with missing_table():
            time.sleep(0.3)
        complete(done(queued))

    answers, _, left = wait_for_all([queued.id], 20, go_away_and_come_back)
    assert (answers, left) == ([State.DONE], {})


def test_many_ids_are_split_into_several_queries():
    one, another = row(), row()
    complete(done(one))
    complete(done(another))
    ids = [one.id, *(uuid4() for _ in range(2 * IDS_PER_QUERY)), another.id, row().id]
    assert {found.id for found in finished_among(ids)} == {one.id, another.id}


def test_an_upload_thread_returns_its_connection_to_the_pool():
    def use_the_database():
        assert not Classification.objects.exists()
        return connections["default"]

    its_own = async_to_sync(in_thread)(use_the_database)
    assert its_own is not connections["default"]
    assert (its_own.connection is None) == (its_own.vendor != "sqlite")  # of which there is no pool


def test_requests_share_a_limited_number_of_threads():
    @async_to_sync
    async def threads():
        return await asyncio.gather(*(in_thread(threading.get_ident) for _ in range(100)))

    assert len(set(threads())) <= THREADS


def test_an_idle_waiter_holds_no_connection():
    queued = row()
    wait_for_all([queued.id], 20, lambda: complete(done(queued)))
    assert poll_thread.submit(lambda: connections["default"].connection).result() is None


def test_a_short_wait_is_polled_more_often_than_a_long_one():
    @async_to_sync
    async def pauses():
        waiter, now = Waiter(), asyncio.get_running_loop().time()
        found = []
        for age in (0.0, 0.1, 60.0):
            waiter._since = {uuid4(): now - age, uuid4(): now}
            found.append(waiter._pause())
        return found

    new, short, long = pauses()
    assert new == MIN_POLL_SECONDS < short < long == MAX_POLL_SECONDS
