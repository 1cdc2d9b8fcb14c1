"""The isolated classifier: the same results as in the worker, and a crash fails only the picture that caused it."""

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from project.pictures import BROKEN, CRASHED, TOO_SLOW, BadPicture
from tests import pictures
from tests.conftest import ROOT
from workers import isolation
from workers.isolation import ChildUnavailable, IsolatedClassifier
from workers.pipeline import pipeline

DEADLY = """
import os, signal, time
import workers.preprocess as preprocess
decode = preprocess.decode
def deadly(image, *rest):
    content = image.fp.getvalue()
    if b"KILL" in content:
        os.kill(os.getpid(), signal.SIGKILL)
    if b"ONCE" in content and not os.path.exists(os.environ["KILLED_ONCE"]):
        open(os.environ["KILLED_ONCE"], "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    if b"STOP" in content:
        os.kill(os.getpid(), signal.SIGTERM)
    if b"EXIT" in content:
        os._exit(3)
    if b"HANG" in content:
        time.sleep(60)
    if b"RAISE" in content:
        raise OSError("a fault of ours")
    return decode(image, *rest)
preprocess.decode = deadly
"""


@pytest.fixture
def isolated(tmp_path, monkeypatch):
    """A child process that crashes, hangs or fails on certain words in a picture."""
    (tmp_path / "deadly.py").write_text(DEADLY)
    # First on the path of the child's imports.
    (tmp_path / "sitecustomize.py").write_text(f"import sys; sys.path.append({str(ROOT)!r}); import deadly")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    child = IsolatedClassifier()
    yield child
    child.end()


@pytest.mark.timeout(120)
def test_a_picture_is_classified_as_in_the_worker_and_the_child_is_kept(isolated, sample):
    here = pipeline().classify(sample.read_bytes())
    there = isolated.classify(sample.read_bytes())
    assert there.top5[0].label == here.top5[0].label
    assert (there.header, there.thumbnail) == (here.header, here.thumbnail)
    first = isolated.child.pid
    isolated.classify(sample.read_bytes())
    assert isolated.child.pid == first != os.getpid()


@pytest.mark.timeout(120)
def test_errors_are_returned_and_the_child_survives(isolated, sample):
    with pytest.raises(BadPicture) as bad:
        isolated.classify(pictures.jpeg((64, 64))[:-200])
    assert bad.value.code == BROKEN
    with pytest.raises(RuntimeError, match="a fault of ours"):
        isolated.classify(sample.read_bytes() + b"RAISE")
    assert isolated.child.is_alive()


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("word", "cause"), [(b"KILL", "SIGKILL"), (b"EXIT", "exit code 3")])
def test_a_picture_that_crashes_the_child_fails_with_the_cause_and_the_next_is_classified(
    isolated, sample, word, cause
):
    with pytest.raises(BadPicture, match=cause) as bad:
        isolated.classify(sample.read_bytes() + word)
    assert bad.value.code == CRASHED
    assert isolated.classify(sample.read_bytes()).top5


@pytest.mark.timeout(120)
def test_a_child_that_is_killed_once_blames_no_picture(isolated, sample, tmp_path, monkeypatch):
    monkeypatch.setenv("KILLED_ONCE", str(tmp_path / "killed"))
    assert isolated.classify(sample.read_bytes() + b"ONCE").top5
    assert (tmp_path / "killed").exists()


@pytest.mark.timeout(120)
def test_an_idle_child_ends_and_the_next_picture_starts_another(isolated, sample, monkeypatch):
    monkeypatch.setattr(isolation, "IDLE_SECONDS", 0.5)
    isolated.classify(sample.read_bytes())
    deadline = time.monotonic() + 20
    while isolated.child is not None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert isolated.classify(sample.read_bytes()).top5


@pytest.mark.timeout(120)
def test_a_stopped_child_blames_no_picture(isolated, sample):
    with pytest.raises(ChildUnavailable):
        isolated.classify(sample.read_bytes() + b"STOP")


@pytest.mark.timeout(120)
def test_a_picture_that_takes_too_long_fails(isolated, sample, monkeypatch):
    isolated.classify(sample.read_bytes())
    monkeypatch.setattr(isolation, "PICTURE_SECONDS", 1)
    with pytest.raises(BadPicture) as bad:
        isolated.classify(sample.read_bytes() + b"HANG")
    assert bad.value.code == TOO_SLOW


def test_a_wait_for_the_child_is_limited_and_blames_no_picture(sample, monkeypatch):
    monkeypatch.setattr(isolation, "TURN_SECONDS", 0.1)
    busy, over = threading.Event(), threading.Event()

    class Busy(IsolatedClassifier):
        def _start(self):
            busy.set()
            over.wait(30)
            raise ChildUnavailable("over")

    classifier = Busy()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(classifier.classify, sample.read_bytes())
        busy.wait(10)
        with pytest.raises(ChildUnavailable, match="busy"):
            classifier.classify(sample.read_bytes())
        over.set()
        assert isinstance(first.exception(10), ChildUnavailable)


@pytest.mark.timeout(120)
def test_neighbours_of_a_deadly_picture_are_classified(isolated, sample):
    contents = [sample.read_bytes() + (b"KILL" if number == 2 else b"") for number in range(5)]
    outcomes = {}

    def classify(number):
        try:
            outcomes[number] = isolated.classify(contents[number]).top5[0].label
        except BadPicture as bad:
            outcomes[number] = bad.code

    threads = [threading.Thread(target=classify, args=[number]) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [number for number, outcome in outcomes.items() if outcome == CRASHED] == [2]


@pytest.mark.timeout(120)
def test_a_child_that_cannot_start_blames_no_picture(isolated, sample, monkeypatch):
    monkeypatch.setenv("MODEL_WEIGHTS", "/nonexistent")
    with pytest.raises(ChildUnavailable):
        isolated.classify(sample.read_bytes())


@pytest.mark.timeout(120)
def test_the_child_ends_with_its_worker(isolated, sample):
    isolated.classify(sample.read_bytes())
    child = isolated.child
    isolated.pipe.close()
    child.join(10)
    assert child.exitcode == 0
    isolated.child = None


def test_the_child_gets_no_signals_of_its_workers_group(isolated, sample):
    isolated.classify(sample.read_bytes())
    assert os.getpgid(isolated.child.pid) != os.getpgid(0)
