"""The micro-batcher: threads that each have one item share a run, and none of them notices the others."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from project.batching import Batcher

LONG = 30.0  # seconds; a test that has to wait for this fails by its time


class Double:
    """Doubles numbers, and records its batches."""

    def __init__(self, seconds=0.0):
        self.batches = []
        self.seconds = seconds

    def __call__(self, batch):
        self.batches.append(list(batch))
        time.sleep(self.seconds)
        if any(number < 0 for number in batch):
            raise ValueError(min(batch))
        return [2 * number for number in batch]


@pytest.fixture
def double():
    return Double()


def batcher(run, **options):
    return Batcher(run, **{"max_batch_size": 8, "max_wait_seconds": LONG, **options})


def test_each_caller_gets_its_own_result(double):
    meeting = batcher(double, max_batch_size=4)

    def ask(number):
        with meeting.expecting():
            future = meeting.submit(number)
        return future.result(10)

    with ThreadPoolExecutor(12) as threads:
        assert list(threads.map(ask, range(200))) == [2 * number for number in range(200)]
    assert sorted(number for batch in double.batches for number in batch) == list(range(200))


def test_a_single_item_is_run_without_waiting(double):
    meeting = batcher(double)
    started = time.monotonic()
    with meeting.expecting():
        future = meeting.submit(1)
    assert future.result(10) == 2
    assert time.monotonic() - started < LONG / 2
    assert double.batches == [[1]]


def test_without_an_expected_item_there_is_no_waiting(double):
    assert batcher(double).submit(1).result(10) == 2


def test_a_batch_waits_for_an_expected_item(double):
    meeting = batcher(double)
    with meeting.expecting():
        with meeting.expecting():
            first = meeting.submit(1)
        time.sleep(0.1)
        assert not first.done()
        second = meeting.submit(2)
    assert (first.result(10), second.result(10)) == (2, 4)
    assert double.batches == [[1, 2]]


def test_a_full_batch_does_not_wait(double):
    meeting = batcher(double, max_batch_size=2)
    with meeting.expecting():
        futures = [meeting.submit(number) for number in (1, 2)]
        assert [future.result(10) for future in futures] == [2, 4]


def test_no_batch_waits_longer_than_the_maximum(double):
    meeting = batcher(double, max_wait_seconds=0.05)
    with meeting.expecting():
        assert meeting.submit(1).result(10) == 2


def test_an_expected_item_that_fails_does_not_delay_the_batch(double):
    meeting = batcher(double)
    with meeting.expecting():
        first = meeting.submit(1)
        with pytest.raises(ZeroDivisionError), meeting.expecting():
            1 / 0  # noqa: B018 -- a picture that can't be decoded
    assert first.result(10) == 2


def test_a_batch_never_has_more_than_the_maximum():
    slow = Double(seconds=0.02)
    meeting = batcher(slow, max_batch_size=3)
    futures = [meeting.submit(number) for number in range(20)]
    assert [future.result(10) for future in futures] == [2 * number for number in range(20)]
    assert max(map(len, slow.batches)) == 3


@pytest.mark.parametrize("position", range(5))
def test_a_bad_item_fails_alone(double, position):
    numbers = [1, 2, 3, 4, 5]
    numbers[position] = -1
    meeting = batcher(double)
    with meeting.expecting():
        futures = [meeting.submit(number) for number in numbers]
    with pytest.raises(ValueError, match="-1"):
        futures.pop(position).result(10)
    assert [future.result(10) for future in futures] == [2 * number for number in numbers if number > 0]


def test_several_bad_items_fail_individually(double):
    meeting = batcher(double)
    with meeting.expecting():
        futures = [meeting.submit(number) for number in (-1, 2, -3, 4)]
    assert [future.exception(10) is None for future in futures] == [False, True, False, True]


def test_a_failed_batch_does_not_end_the_thread(double):
    meeting = batcher(double)
    assert isinstance(meeting.submit(-1).exception(10), ValueError)
    assert meeting.submit(1).result(10) == 2


def test_a_cancelled_item_is_not_run(double):
    meeting = batcher(double)
    with meeting.expecting():
        cancelled, kept = meeting.submit(1), meeting.submit(2)
        assert cancelled.cancel()
    assert kept.result(10) == 4
    assert double.batches == [[2]]


def test_threads_run_batches_at_the_same_time():
    both = threading.Barrier(2, timeout=10)

    def meet(batch):
        both.wait()
        return batch

    meeting = batcher(meet, max_batch_size=1, threads=2)
    futures = [meeting.submit(number) for number in (1, 2)]
    assert [future.result(10) for future in futures] == [1, 2]


def test_a_closed_batcher_finishes_its_items_and_accepts_no_more():
    slow = Double(seconds=0.05)
    meeting = batcher(slow, max_batch_size=2, threads=2)
    with meeting.expecting():
        futures = [meeting.submit(number) for number in range(7)]
        assert meeting.close(10)
    assert [future.result(0) for future in futures] == [2 * number for number in range(7)]
    assert meeting.submit(8).cancelled()


def test_closing_waits_no_longer_than_its_time_out():
    meeting = batcher(Double(seconds=0.5))
    meeting.submit(1)
    assert not meeting.close(0.01)


def test_a_drained_batcher_has_finished_everything_and_continues():
    slow = Double(seconds=0.05)
    meeting = batcher(slow, max_batch_size=2)
    futures = [meeting.submit(number) for number in range(5)]
    assert meeting.drain(10)
    assert all(future.done() for future in futures)
    assert meeting.submit(5).result(10) == 10


def test_idle_threads_share_the_waiting_items():
    sizes, both = [], threading.Barrier(2, timeout=5)

    def run(batch):
        sizes.append(len(batch))
        both.wait()
        return batch

    batcher = Batcher(run, max_batch_size=8, max_wait_seconds=5, threads=2)
    with batcher.expecting():
        futures = [batcher.submit(number) for number in range(6)]
    assert [future.result(5) for future in futures] == list(range(6))
    assert sizes == [3, 3]
