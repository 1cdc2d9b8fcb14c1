"""The simulated fleet: what must hold whatever the workload and the policy, and the commands."""

import json
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from typer.testing import CliRunner

from infra.scaling import policies
from infra.scaling.steps import Capacity
from infra.simulate.__main__ import cli
from infra.simulate.comparison import BUILT_IN, FORESIGHT, MOST, OLD, OURS, TRACKING, Setting, outcomes
from infra.simulate.research import tuning
from infra.simulate.research.__main__ import cli as research
from infra.simulate.scalers import Scheduled, StepScaling, TargetTracking, foresight, old
from infra.simulate.simulation import Conditions, simulate
from infra.simulate.worker import BenchmarkError, Worker, measured
from infra.simulate.workloads import SHAPES, Trace, TraceError, Workload, from_file, shaped

SLOW = Worker(rate=0.5, lone_seconds=2, held=4)
SETTING = Setting(worker=SLOW, conditions=Conditions(seed=1), target_seconds=20)
FLEET = policies.load()
GROUP = FLEET.group
SMALL = [name for name in SHAPES if name != "day"]


@pytest.fixture(scope="module", params=SMALL)
def found(request):
    """A workload's trace, and what became of it by policy."""
    trace = shaped(request.param, SLOW.rate, seed=7)
    return trace, outcomes({OURS: FLEET}, trace, SETTING)


def one_instance(trace, worker=SLOW):
    return simulate(trace, worker, Scheduled(replace(GROUP, max=1), [1]))


def test_every_picture_is_done_once_whatever_the_policy(found):
    trace, by_policy = found
    assert set(by_policy) == set(BUILT_IN)
    for outcome in by_policy.values():
        assert len(outcome.waits) == len(trace.arrivals)
        assert outcome.waits[0] >= SLOW.lone_seconds - 1e-6
        assert sum(minute.arrived for minute in outcome.minutes) == len(trace.arrivals)


def test_the_groups_limits_hold(found):
    for outcome in found[1].values():
        assert all(GROUP.min <= minute.desired <= GROUP.max for minute in outcome.minutes)
        assert all(minute.in_service <= GROUP.max for minute in outcome.minutes)


def test_scaling_in_never_kills_work_that_may_drain(found):
    for name, outcome in found[1].items():
        if name != OLD:
            assert outcome.killed == 0


def test_foresight_is_never_worse_than_a_policy(found):
    by_policy = found[1]
    for share in (0.5, 0.95, 0.99):
        best = by_policy[FORESIGHT].wait(share)
        assert all(best <= by_policy[name].wait(share) + 2 / SLOW.rate for name in (OLD, OURS, TRACKING))


def test_no_policy_is_faster_than_the_largest_fleet(found):
    by_policy = found[1]
    # Messages go to whoever polls, so even there some wait behind what one instance holds.
    luck = SLOW.held / SLOW.rate
    assert all(by_policy[MOST].wait(0.95) <= other.wait(0.95) + luck for other in by_policy.values())


def test_the_same_seed_gives_the_same_result():
    trace = shaped("bursts", SLOW.rate, 3)
    assert trace == shaped("bursts", SLOW.rate, 3) != shaped("bursts", SLOW.rate, 4)
    first, second = (simulate(trace, SLOW, StepScaling(FLEET), Conditions(seed=5)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("shape", SHAPES)
def test_arrivals_are_in_order_and_within_the_time(shape):
    trace = shaped(shape, SLOW.rate, 1)
    assert trace.arrivals == sorted(trace.arrivals)
    assert trace.arrivals[0] >= 0
    assert trace.arrivals[-1] < trace.seconds


def test_a_single_picture_takes_the_time_of_one_picture():
    assert one_instance(Trace("one", [100.0], 600)).waits == pytest.approx([SLOW.lone_seconds])


def test_a_burst_on_one_instance_takes_the_time_of_its_work():
    outcome = one_instance(Trace("burst", [101.0] * 50, 600))
    assert outcome.waits == pytest.approx([number / SLOW.rate for number in range(1, 51)])
    assert [minute.visible for minute in outcome.minutes[1:3]] == [37, 7]
    assert [minute.in_flight for minute in outcome.minutes[1:3]] == [SLOW.held] * 2


def test_an_instance_is_paid_from_launch_to_end():
    assert one_instance(Trace("idle", [1.0], 3600)).instance_hours == pytest.approx(1)
    grown = simulate(Trace("idle", [1.0], 3600), SLOW, Scheduled(GROUP, [1, 1, 3, 1]), Conditions(lag_seconds=0))
    assert grown.instance_hours == pytest.approx(1 + 2 * 60 / 3600)


def test_an_instance_is_in_service_after_its_boot():
    grown = simulate(Trace("idle", [1.0], 900), SLOW, Scheduled(GROUP, [1, 2]), Conditions(lag_seconds=30))
    (when, decision), *_ = grown.decisions
    assert (when, decision.desired) == (90, 2)
    # The boot of 90 s takes 72 to 108 s, so it ends between 162 and 198 s.
    assert [minute.in_service for minute in grown.minutes[:4]] in ([1, 1, 1, 2], [1, 1, 2, 2])


@pytest.mark.parametrize("lag", [0, 45, 60, 100])
def test_an_alarm_is_delayed_by_the_lag_of_its_metrics(lag):
    trace = Trace("burst", [10.0] * 500, 1800)
    outcome = simulate(trace, SLOW, StepScaling(FLEET), Conditions(lag_seconds=lag))
    assert outcome.decisions[0][0] == 60 + lag


def test_a_draining_instance_releases_unfinished_pictures():
    slower = replace(SLOW, rate=0.02, lone_seconds=50)
    trace = Trace("burst", [float(number) for number in range(8)], 600)
    outcome = simulate(trace, slower, Scheduled(replace(GROUP, desired=2), [2, 2, 1]), Conditions(lag_seconds=0))
    assert (outcome.killed, len(outcome.waits)) == (0, 8)
    assert outcome.given_back > 0


def test_pictures_of_a_killed_instance_are_done_later():
    trace = Trace("burst", [float(number) for number in range(60, 68)], 600)
    scaler = Scheduled(replace(GROUP, desired=2), [2, 2, 1], drains=False)
    slower = replace(SLOW, rate=0.02, lone_seconds=50)
    outcome = simulate(trace, slower, scaler, Conditions(lag_seconds=0))
    assert 0 < outcome.killed <= slower.held
    assert len(outcome.waits) == 8
    assert max(outcome.waits) > slower.visibility_seconds


def test_the_old_policy_moves_by_one():
    outcome = simulate(shaped("bursts", SLOW.rate, 2), SLOW, old(GROUP))
    wanted = [1, *(decision.desired for _, decision in outcome.decisions)]
    assert len(wanted) > 2
    assert {abs(after - before) for before, after in pairwise(wanted)} == {1}


def test_alarms_on_unknown_metrics_are_refused():
    metrics = tuple(replace(metric, name="CPUUtilization") for metric in FLEET.out_alarm.metrics)
    with pytest.raises(policies.PolicyError, match="The alarms use CPUUtilization; "):
        StepScaling(replace(FLEET, out_alarm=replace(FLEET.out_alarm, metrics=metrics)))


def test_target_tracking_grows_in_proportion_and_shrinks_a_little():
    tracking = TargetTracking(GROUP, target=100, warmup_seconds=0)
    for minute in range(3):
        tracking.record(minute, {"ApproximateNumberOfMessagesVisible": 1500, "GroupInServiceInstances": 10})
    # AWS's example: 150 waiting for each of 10 instances and a target of 100 take 15.
    assert tracking.wanted(2, Capacity(desired=10, in_service=10)).desired == 15
    for minute in range(3, 18):
        tracking.record(minute, {"ApproximateNumberOfMessagesVisible": 0, "GroupInServiceInstances": 15})
    assert tracking.wanted(17, Capacity(desired=15, in_service=15)).desired == 14


def test_foresight_has_instances_ready_for_a_burst():
    trace = Trace("burst", [1800.0] * 20, 3600)
    outcome = simulate(trace, SLOW, foresight(GROUP, trace, SLOW, lag_seconds=45), Conditions(lag_seconds=45))
    assert outcome.waits[-1] <= 2 / SLOW.rate
    assert outcome.instance_hours < 4


def row(**fields):
    return {"model": "resnet50", "engine": "torch", "precision": "fp32", **fields}


def test_a_workers_rate_is_what_the_benchmarks_measured(tmp_path):
    engines = [row(batch_size=1, pipeline_cpu_ms=60), row(batch_size=8, pipeline_cpu_ms=40)]
    loads = [row(load="1 at a time", worker_cpu_ms=70), row(load="burst", worker_cpu_ms=50)]
    for name, rows in (("engine", engines), ("system", loads)):
        document = {"name": name, "machine": {"cores": 2}, "rows": rows}
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    worker = measured("resnet50", "torch", "fp32", tmp_path)
    assert (worker.rate, worker.lone_seconds, worker.held) == (40, 0.07, 32)
    with pytest.raises(BenchmarkError, match="no row with model resnet50, engine onnx"):
        measured("resnet50", "onnx", "fp32", tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "0\n1.5\n60\n"),
        ("a.csv", "id,arrived_at\nx,10\ny,70\nz,11.5\n"),
        ("a.csv", "created_at\n2026-03-01T10:00:00Z\n2026-03-01T10:01:00+00:00\n2026-03-01T10:00:01.5Z\n"),
        ("a.json", "[0, 1.5, 60]"),
        ("a.json", '{"results": [{"created_at": 7}, {"created_at": 8.5}, {"created_at": 67}], "next": null}'),
        (
            "a.json",
            """[{"id": 1, "created_at": "2026-03-01T10:00:00Z"}, {"created_at": "2026-03-01T10:00:01.5Z"},
            {"created_at": "2026-03-01T10:01:00Z"}]""",
        ),
    ],
)
def test_arrivals_are_read_from_files(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert from_file(tmp_path / name).arrivals == pytest.approx([0, 1.5, 60])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b""),
        ("a.csv", b"label\ncat\n"),
        ("a.csv", b"0\nnan\n"),
        ("a.csv", b"0\ninf\n"),
        ("a.csv", b"0" * 200_000),
        ("a.json", b"{}"),
        ("a.json", b"["),
        ("a.json", b"[0, NaN]"),
        ("a.json", b"[1" + 400 * b"0" + b"]"),
        ("a.jpg", b"\xff\xd8\xff\xe0"),
    ],
)
def test_a_file_without_times_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TraceError, match="has no times of arrival"):
        from_file(tmp_path / name)


def candidates():
    random = Random(1)
    return [
        tuning.Candidate(**{name: random.choice(choices) for name, choices in tuning.CHOICES.items()})
        for _ in range(50)
    ]


def test_no_candidate_policy_removes_more_than_the_surplus():
    for candidate in candidates():
        fleet = tuning.fleet(candidate, FLEET, SLOW)
        for surplus in range(1, 25):
            steps = [
                step
                for step in fleet.in_policy.steps
                if (step.lower is None or step.lower < 1 - surplus) and 1 - surplus <= (step.upper or 0)
            ]
            assert len(steps) == 1
            assert 1 <= -steps[0].adjustment <= surplus


def test_the_search_result_is_no_worse_than_its_first_guess():
    _, few = tuning.search(FLEET, SETTING, candidates=4, seed=1)
    best, more = tuning.search(FLEET, SETTING, candidates=12, seed=1)
    assert more <= few
    assert policies.Fleet.json(tuning.fleet(best, FLEET, SLOW))


def run(*arguments):
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    return result.exit_code, result.output if result.exception is None else str(result.exception)


def test_the_command_compares_policies_and_draws_them(tmp_path):
    code, output = run("compare", "burst-100", "--seeds", 1, "--rate", 0.5, "--plots", tmp_path)
    assert code == 0
    assert all(name in output for name in (*BUILT_IN, "p95", "killed"))
    assert (tmp_path / "elasticity-burst-100.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_takes_other_policies_arrivals_and_a_price(tmp_path):
    (tmp_path / "slower.json").write_text(replace(FLEET, group=replace(GROUP, max=2)).json())
    (tmp_path / "history.csv").write_text("\n".join(map(str, range(0, 1200, 3))))
    options = ("--arrivals", tmp_path / "history.csv", "--also", tmp_path / "slower.json", "--price", 100)
    code, output = run("compare", "--markdown", "--rate", 0.5, *options)
    assert code == 0
    rows = {row.split("|")[2].strip(): row.split("|") for row in output.splitlines() if row.startswith("|")}
    assert "slower" in rows
    assert float(rows[OLD][7]) == pytest.approx(100 * float(rows[OLD][6]), rel=0.1)


def test_the_search_writes_policies_that_can_be_compared(tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "TRAINING", (Workload("burst-100", 1),))
    options = ["--rate", "0.5", "--candidates", "10", "--write", str(tmp_path / "found.json")]
    done = CliRunner().invoke(research, options)
    assert done.exit_code == 0, done.output
    assert "by 10 candidates" in done.output
    code, output = run("compare", "burst-100", "--seeds", 1, "--rate", 0.5, "--also", tmp_path / "found.json")
    assert code == 0
    assert "found" in output


@pytest.mark.parametrize("files", [("ours.json",), ("old.json",), ("a/steep.json", "b/steep.json")])
def test_policies_with_the_same_name_are_refused(tmp_path, files):
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(FLEET.json())
    also = [argument for file in files for argument in ("--also", tmp_path / file)]
    code, output = run("compare", "burst-100", "--seeds", 1, *also)
    assert code == 1
    assert f"another policy is named '{(tmp_path / files[-1]).stem}'" in output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("compare", "--engine", "caffe"), "has no row with model resnet50, engine caffe"),
        (("compare", "--plan", "nowhere.json"), "No such file"),
        (("compare", "--rate", 0), "rate must be more than 0"),
        (("compare", "--arrivals", "nowhere.csv"), "No such file"),
        (("compare", "--arrivals", "samples/china.jpg"), "china.jpg has no times of arrival"),
        (("compare", "--also", "samples/china.jpg"), "china.jpg isn't a file of scaling policies"),
        (("compare", "--plan", "samples/china.jpg"), "china.jpg isn't what `terraform show -json PLAN` prints"),
    ],
)
def test_bad_input_is_explained(arguments, sentence):
    code, output = run(*arguments)
    assert code == 1
    assert sentence in output
