"""The local fleet: an instance's life, the group's size, the loop's decisions; with small processes for workers."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.elastic import __main__ as elastic
from infra.elastic.__main__ import cli, fresh_state, played, report
from infra.elastic.bursts import Outcome
from infra.elastic.group import GIVE_UP_AFTER, Counts, Group, LaunchesFail
from infra.elastic.history import History, read
from infra.elastic.instances import Instance, State
from infra.elastic.loop import Loop, Minute, Queue
from infra.local.stack import READY_LINE
from infra.scaling import policies

READY = f"import time; print({READY_LINE!r}, flush=True); time.sleep(60)"
SLOW = f"import signal, time; signal.signal(15, lambda *_: None); print({READY_LINE!r}, flush=True); time.sleep(60)"
NEVER_READY = "import time; time.sleep(60)"
BROKEN = "import sys; sys.exit('no weights')"
SECONDS = 20


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def launch(tmp_path):
    """Starts instances that run a piece of Python; all of them end with the test."""
    started = []

    def start(number: int, code: str = READY, drain_seconds: float = SECONDS) -> Instance:
        instance = Instance(number, {}, tmp_path, drain_seconds, [sys.executable, "-c", code])
        started.append(instance)
        return instance

    yield start
    for instance in started:
        instance.look()
        if instance.state is not State.GONE:
            instance.kill()


def is_in(instance: Instance, state: State) -> bool:
    instance.look()
    return instance.state is state


def test_an_instance_is_in_service_once_its_worker_takes_pictures_and_gone_once_it_has_drained(launch):
    instance = launch(1)
    assert instance.state is State.PENDING
    wait_until(lambda: is_in(instance, State.IN_SERVICE))
    instance.terminate()
    assert instance.state is State.TERMINATING
    wait_until(lambda: is_in(instance, State.GONE))
    assert not instance.killed
    assert not instance.failed


def test_an_instance_that_drains_for_too_long_is_killed(launch):
    instance = launch(1, SLOW, drain_seconds=0.1)
    wait_until(lambda: is_in(instance, State.IN_SERVICE))
    instance.terminate()
    wait_until(lambda: is_in(instance, State.GONE))
    assert instance.killed


def follow(group: Group, counts: Counts) -> None:
    def reached() -> bool:
        group.look()
        return group.counts() == counts

    wait_until(reached)


def test_a_group_follows_the_desired_size_and_ends_the_oldest_first(launch):
    said: list[str] = []
    group = Group(launch, 2, said.append)
    follow(group, Counts(pending=0, in_service=2, terminating=0))
    group.desired = 1
    follow(group, Counts(pending=0, in_service=1, terminating=0))
    assert "instance 1: drains" in said
    assert "instance 2: drains" not in said
    assert group.killed == 0


def test_an_instance_that_ends_by_itself_is_replaced(launch):
    instances: dict[int, Instance] = {}

    def remembered(number: int) -> Instance:
        instances[number] = launch(number)
        return instances[number]

    said: list[str] = []
    group = Group(remembered, 1, said.append)
    follow(group, Counts(pending=0, in_service=1, terminating=0))
    os.kill(instances[1].pid, signal.SIGKILL)
    wait_until(lambda: group.look() is None and 2 in instances)
    follow(group, Counts(pending=0, in_service=1, terminating=0))
    assert "instance 1: ended by itself, and is replaced" in said


def test_a_group_whose_instances_never_start_gives_up_with_their_logs(launch):
    said: list[str] = []
    group = Group(lambda number: launch(number, BROKEN), 1, said.append)
    with pytest.raises(LaunchesFail, match="no weights"):
        wait_until(lambda: group.look() is not None)
    assert said.count("instance 1: ended by itself, and is replaced") == 1
    assert len([line for line in said if line.endswith("launched")]) == GIVE_UP_AFTER


def test_booting_instances_are_warming_up(launch):
    group = Group(lambda number: launch(number, NEVER_READY), 1, print)
    group.look()
    assert (group.capacity().in_service, group.capacity().warming) == (0, 1)


def test_the_loop_grows_and_shrinks_by_the_policies_of_the_stack(launch, tmp_path):
    fleet = policies.load()
    fleet = replace(fleet, group=replace(fleet.group, max=3))
    group = Group(launch, 1, print)
    queue = Queue(0, 0)
    loop = Loop(fleet, group, lambda: queue, 0.2, History(tmp_path / "history.json", 0.2).write)
    follow(group, Counts(pending=0, in_service=1, terminating=0))
    queue = Queue(400, 8)
    while loop.minute().in_service < 3:
        assert len(loop.minutes) < 100
    assert any("in service 1, step +25 % -> 2" in minute.reason for minute in loop.minutes)
    queue = Queue(0, 0)
    while (last := loop.minute()).in_service != 1 or last.terminating:
        assert len(loop.minutes) < 200
    assert group.killed == 0
    assert read(tmp_path / "history.json") == loop.minutes


def test_percentiles_of_waits_are_waits():
    outcome = Outcome(accepted=4, done=3, failed=0, waits=[1.0, 2.0, 30.0])
    assert (outcome.lost, outcome.wait(0.5), outcome.wait(0.95)) == (1, 2.0, 30.0)
    assert Outcome(0, 0, 0, []).wait(0.5) == 0


def test_a_run_reports_a_lost_picture_after_its_time_out(launch, tmp_path, monkeypatch, capsys):
    class Client:
        """Of two pictures it finds one, until time is up."""

        def send(self, count: int) -> None:
            pass

        def outcome(self) -> Outcome:
            monkeypatch.setattr(elastic, "LIMIT_SECONDS", 0)
            return Outcome(accepted=2, done=1, failed=0, waits=[1.0])

    fleet = policies.load()
    group = Group(launch, 1, print)
    loop = Loop(fleet, group, lambda: Queue(0, 0), 0.05, History(tmp_path / "history.json", 0.05).write)
    outcome = played(loop, group, Client(), [2], fleet.group.min)
    assert report(loop.minutes, group, outcome, fleet) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "IN=2 DONE=1 FAILED=0 LOST=1 KILLED=0"


def minutes(*in_service: int, seconds: float = 60) -> list[Minute]:
    """Return minutes of a fleet, the last one `seconds` after its start."""
    idle = Minute(0, seconds, visible=0, in_flight=0, pending=0, in_service=1, terminating=0, desired=1, reason="")
    return [replace(idle, in_service=count) for count in in_service]


@pytest.mark.parametrize(
    ("run", "done", "status"),
    [
        (minutes(1, 2, 1), 2, 0),
        (minutes(1, 2, 1), 1, 1),
        (minutes(1, 1), 2, 1),
        (minutes(1, 2), 2, 1),
        (minutes(1, 2, 1, seconds=elastic.LIMIT_SECONDS + 1), 2, 1),
    ],
)
def test_a_run_succeeds_if_it_grew_shrank_lost_nothing_and_finished_in_time(launch, run, done, status):
    outcome = Outcome(accepted=2, done=done, failed=0, waits=[1.0] * done)
    assert report(run, Group(launch, 1, print), outcome, policies.load()) == status


@pytest.mark.parametrize("bursts", ["", "0", "ten", "100,-1"])
def test_invalid_bursts_are_refused(bursts):
    done = CliRunner().invoke(cli, ["run", "--bursts", bursts])
    assert done.exit_code == 2
    assert "whole numbers of 1 or more" in done.output


def test_a_run_deletes_only_the_folder_of_an_earlier_run(tmp_path):
    others = tmp_path / "state" / "thesis.txt"
    others.parent.mkdir()
    others.touch()
    left = fresh_state(tmp_path / "fleet.json") / "db.sqlite3"
    left.touch()
    assert fresh_state(tmp_path / "fleet.json") == left.parent == tmp_path / "fleet.json.state"
    assert not left.exists()
    assert others.exists()


def test_a_folder_of_another_origin_is_kept_and_named(tmp_path):
    others = tmp_path / "fleet.json.state" / "thesis.txt"
    others.parent.mkdir()
    others.touch()
    done = CliRunner().invoke(cli, ["run", "--history", str(tmp_path / "fleet.json")], env={"COLUMNS": "1000"})
    assert done.exit_code == 2
    assert "fleet.json.state is there, and no run made it" in done.output
    assert others.exists()


def test_a_history_is_drawn(tmp_path):
    minute = dict.fromkeys(("minute", "seconds", "visible", "in_flight", "pending", "in_service", "terminating"), 1)
    history = tmp_path / "history.json"
    history.write_text(json.dumps({"minutes": [{**minute, "desired": 1, "reason": ""}] * 2}))
    done = CliRunner().invoke(cli, ["plot", str(history), str(tmp_path / "fleet.png")])
    assert done.exit_code == 0, done.output
    assert Path(tmp_path, "fleet.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "variables", "sentence"),
    [
        (["--plan", "nowhere.json"], {}, "nowhere.json"),
        ([], {"PHOTOS": "nowhere"}, "nowhere is no folder"),
        ([], {"PHOTOS": "docs"}, "docs has no .jpg"),
    ],
)
def test_invalid_options_are_named(options, variables, sentence):
    done = CliRunner(env=variables).invoke(cli, ["run", *options])
    assert done.exit_code == 2
    assert sentence in done.output


def test_an_invalid_history_is_named(tmp_path):
    done = CliRunner().invoke(cli, ["plot", str(tmp_path / "none.json"), str(tmp_path / "fleet.png")])
    assert done.exit_code == 1
    assert "none.json can't be drawn" in str(done.exception)
