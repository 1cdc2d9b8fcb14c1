"""Alarms, against the tables of "Using Amazon CloudWatch alarms" in the Amazon CloudWatch User Guide."""

from dataclasses import replace

import pytest

from infra.scaling.alarms import Measurements, State, evaluate, judge
from infra.scaling.policies import Alarm, Metric

OK, ALARM, INSUFFICIENT = State.OK, State.ALARM, State.INSUFFICIENT_DATA
RETAINED = object()
THREE_OF_THREE = Alarm(
    label="load",
    expression="m",
    metrics=(Metric(id="m", name="Load", stat="Maximum", period=300),),
    threshold=0,
    comparison="GreaterThanThreshold",
    evaluation_periods=3,
    datapoints=3,
    treat_missing_data="missing",
)
TWO_OF_THREE = replace(THREE_OF_THREE, datapoints=2)
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")


@pytest.mark.parametrize(
    ("alarm", "points", "states"),
    [
        (THREE_OF_THREE, "0-X-X", (OK, OK, OK, OK)),
        (THREE_OF_THREE, "0----", (OK, OK, OK, OK)),
        (THREE_OF_THREE, "-----", (INSUFFICIENT, RETAINED, ALARM, OK)),
        (THREE_OF_THREE, "0XX-X", (ALARM, ALARM, ALARM, ALARM)),
        (THREE_OF_THREE, "--X--", (ALARM, RETAINED, ALARM, OK)),
        (THREE_OF_THREE, "----X", (INSUFFICIENT, RETAINED, ALARM, OK)),
        (THREE_OF_THREE, "X----", (ALARM, RETAINED, ALARM, OK)),
        (TWO_OF_THREE, "0-X-X", (ALARM, ALARM, ALARM, ALARM)),
        (TWO_OF_THREE, "00X0X", (ALARM, ALARM, ALARM, ALARM)),
        (TWO_OF_THREE, "0-X--", (OK, OK, ALARM, OK)),
        (TWO_OF_THREE, "----0", (OK, OK, ALARM, OK)),
        (TWO_OF_THREE, "---X-", (ALARM, RETAINED, ALARM, OK)),
        (TWO_OF_THREE, "----X", (INSUFFICIENT, RETAINED, ALARM, OK)),
    ],
)
@pytest.mark.parametrize("before", [OK, ALARM])
def test_awss_tables_of_missing_data(alarm, points, states, before):
    values = [{"0": 0.0, "X": 1.0, "-": None}[point] for point in points]
    found = [judge(replace(alarm, treat_missing_data=treatment), values, before) for treatment in TREATMENTS]
    assert found == [before if state is RETAINED else state for state in states]


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("GreaterThanThreshold", [False, False, True]),
        ("GreaterThanOrEqualToThreshold", [False, True, True]),
        ("LessThanThreshold", [True, False, False]),
        ("LessThanOrEqualToThreshold", [True, True, False]),
    ],
)
def test_the_threshold_itself(comparison, breaching):
    alarm = replace(THREE_OF_THREE, comparison=comparison, threshold=5, evaluation_periods=1, datapoints=1)
    assert [judge(alarm, [value], OK) is ALARM for value in (4.0, 5.0, 6.0)] == breaching


@pytest.mark.parametrize(
    ("stat", "values"),
    [
        ("Maximum", [4, None, 3]),
        ("Minimum", [2, None, 3]),
        ("Average", [3, None, 3]),
        ("Sum", [6, None, 3]),
        ("SampleCount", [2, None, 1]),
    ],
)
def test_minutes_are_aggregated_to_the_period_and_missing_ones_left_out(stat, values):
    measured = Measurements()
    for minute, value in enumerate([9, 2, 4, None, None, None, 3]):
        measured.record(minute, {"Load": value})
    assert measured.series(Metric(id="m", name="Load", stat=stat, period=120), 6, 3) == values


def test_the_window_slides_by_the_minute():
    alarm = replace(THREE_OF_THREE, comparison="LessThanOrEqualToThreshold", evaluation_periods=1, datapoints=1)
    measured, states = Measurements(), []
    for minute, value in enumerate([5, 0, 0, 0, 0, 0, 0, 5, 0]):
        measured.record(minute, {"Load": value})
        states.append(evaluate(alarm, measured, minute, OK).state)
    assert states == [OK] * 5 + [ALARM] * 2 + [OK] * 2


def test_an_evaluation_has_the_latest_value():
    measured = Measurements()
    measured.record(7, {"Load": 12})
    alarm = replace(THREE_OF_THREE, metrics=(Metric(id="m", name="Load", stat="Maximum", period=60),))
    assert evaluate(alarm, measured, 8, OK).value == 12
    assert evaluate(alarm, measured, 90, OK).value is None
