"""Step scaling, against the worked examples of the Amazon EC2 Auto Scaling User Guide."""

from dataclasses import replace

import pytest

from infra.scaling.policies import Alarm, Group, Metric, PolicyError, Step, StepPolicy
from infra.scaling.steps import Capacity, decide, rounded

GROUP = Group(min=1, max=100, desired=10, default_instance_warmup=None)
HIGH = Alarm(
    label="CPU",
    expression="m",
    metrics=(Metric(id="m", name="CPUUtilization", stat="Average", period=60),),
    threshold=50,
    comparison="GreaterThanThreshold",
    evaluation_periods=1,
    datapoints=1,
    treat_missing_data="missing",
)
LOW = replace(HIGH, comparison="LessThanThreshold")


def policy(*steps, type="PercentChangeInCapacity", magnitude=0):
    made = tuple(Step(lower=lower, upper=upper, adjustment=adjustment) for lower, upper, adjustment in steps)
    return StepPolicy(adjustment_type=type, min_adjustment_magnitude=magnitude, steps=made, warmup=None)


OUT = policy((0, 10, 0), (10, 20, 10), (20, None, 30))
IN = policy((-10, 0, 0), (-20, -10, -10), (None, -20, -30))


def desired(chosen, alarm, value, capacity, group=GROUP):
    return decide(chosen, alarm, value, capacity, group).desired


def test_awss_example_of_step_adjustments():
    assert desired(OUT, HIGH, 60, Capacity(desired=10, in_service=10)) == 11
    assert desired(OUT, HIGH, 70, Capacity(desired=11, in_service=11)) == 14
    assert desired(IN, LOW, 40, Capacity(desired=14, in_service=14)) == 13
    assert desired(IN, LOW, 30, Capacity(desired=13, in_service=13)) == 10


def test_awss_example_of_instance_warmup():
    warming = Capacity(desired=11, in_service=10, warming=1)
    assert desired(OUT, HIGH, 62, warming) == 11
    assert desired(OUT, HIGH, 70, warming) == 13


@pytest.mark.parametrize(
    ("value", "wanted"), [(50.1, 100), (59.9, 100), (60, 110), (69.9, 110), (70, 130), (1000, 130)]
)
def test_above_the_threshold_the_lower_bound_is_inside(value, wanted):
    group = replace(GROUP, max=1000)
    assert desired(OUT, HIGH, value, Capacity(desired=100, in_service=100), group) == wanted


@pytest.mark.parametrize(("value", "wanted"), [(49.9, 100), (40.1, 100), (40, 90), (30.1, 90), (30, 70), (0, 70)])
def test_below_the_threshold_the_upper_bound_is_inside(value, wanted):
    assert desired(IN, LOW, value, Capacity(desired=100, in_service=100)) == wanted


def test_the_threshold_itself_belongs_to_the_side_that_the_alarm_looks_at():
    out, inwards = policy((0, None, 2), type="ChangeInCapacity"), policy((None, 0, -2), type="ChangeInCapacity")
    capacity = Capacity(desired=5, in_service=5)
    assert desired(out, replace(HIGH, comparison="GreaterThanOrEqualToThreshold"), 50, capacity) == 7
    assert desired(inwards, replace(LOW, comparison="LessThanOrEqualToThreshold"), 50, capacity) == 3


@pytest.mark.parametrize(
    ("change", "instances"), [(12.7, 12), (0.67, 1), (-0.58, -1), (-6.67, -6), (0, 0), (1, 1), (-1, -1), (1.9, 1)]
)
def test_awss_table_of_rounding(change, instances):
    assert rounded(change) == instances


@pytest.mark.parametrize(
    ("type", "capacity", "adjustment", "magnitude", "wanted"),
    [
        ("ChangeInCapacity", 3, 5, 0, 8),
        ("ExactCapacity", 3, 5, 0, 5),
        ("PercentChangeInCapacity", 10, 10, 0, 11),
        ("PercentChangeInCapacity", 4, 25, 2, 6),
    ],
)
def test_awss_examples_of_adjustment_types(type, capacity, adjustment, magnitude, wanted):
    chosen = policy((0, None, adjustment), type=type, magnitude=magnitude)
    assert desired(chosen, HIGH, 60, Capacity(desired=capacity, in_service=capacity)) == wanted


def test_the_groups_limits_hold():
    group = replace(GROUP, min=8, max=12)
    assert desired(OUT, HIGH, 90, Capacity(desired=10, in_service=10), group) == 12
    assert desired(IN, LOW, 10, Capacity(desired=10, in_service=10), group) == 8


def test_terminating_instances_count_when_scaling_in():
    inwards = policy((None, 0, -1), type="ChangeInCapacity")
    assert desired(inwards, LOW, 40, Capacity(desired=9, in_service=9, terminating=1)) == 9
    assert desired(inwards, LOW, 40, Capacity(desired=9, in_service=9)) == 8


def test_nothing_scales_in_while_instances_warm_up():
    inwards = policy((None, 0, -2), type="ChangeInCapacity")
    assert desired(inwards, LOW, 40, Capacity(desired=4, in_service=3, warming=1)) == 4


def test_an_exact_capacity_may_shrink_a_fleet_that_should_grow():
    exact = policy((0, None, 5), type="ExactCapacity")
    assert desired(exact, HIGH, 60, Capacity(desired=9, in_service=9)) == 5


def test_no_step_no_change():
    one_sided = policy((10, None, 100))
    assert desired(one_sided, HIGH, 55, Capacity(desired=4, in_service=4)) == 4


@pytest.mark.parametrize(
    ("chosen", "alarm", "value", "capacity", "reason"),
    [
        (
            policy((0, None, 100)),
            HIGH,
            120,
            Capacity(desired=3, in_service=3),
            "CPU 120, in service 3, step +100 % -> 6",
        ),
        (
            policy((0, None, 100)),
            HIGH,
            120,
            Capacity(desired=6, in_service=3, warming=3),
            "CPU 120, in service 3, warming 3, step +100 % -> 6, as before",
        ),
        (
            policy((None, 0, -1), type="ChangeInCapacity"),
            LOW,
            0,
            Capacity(desired=6, in_service=3, warming=3),
            "CPU 0, in service 3, step -1 -> 6: 3 still warming",
        ),
        (
            policy((None, 0, -1), type="ChangeInCapacity"),
            LOW,
            0,
            Capacity(desired=4, in_service=3, terminating=1, warming=1),
            "CPU 0, in service 3, terminating 1, step -1 -> 4: 1 still warming",
        ),
        (
            policy((0, None, 5), type="ExactCapacity"),
            HIGH,
            51,
            Capacity(desired=3, in_service=3),
            "CPU 51, in service 3, step =5 -> 5",
        ),
        (policy((10, None, 5)), HIGH, 51, Capacity(desired=3, in_service=3), "CPU 51, no step -> 3"),
    ],
)
def test_a_decision_has_a_reason(chosen, alarm, value, capacity, reason):
    assert decide(chosen, alarm, value, capacity, GROUP).reason == reason


@pytest.mark.parametrize("steps", [[(0, 10, 1), (20, None, 2)], [(0, 10, 1), (5, None, 2)]])
def test_steps_with_a_gap_or_an_overlap_are_refused(steps):
    with pytest.raises(PolicyError, match="Steps overlap or leave a gap"):
        policy(*steps)
