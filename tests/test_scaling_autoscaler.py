"""The two alarms and two policies together, on the checked-in policies."""

from dataclasses import replace

import pytest

from infra.scaling import policies
from infra.scaling.autoscaler import Autoscaler
from infra.scaling.policies import Step
from infra.scaling.steps import Capacity


@pytest.fixture
def fleet():
    """One threshold, step and label, so that what the real ones are doesn't matter here."""
    loaded = policies.load()
    doubling = replace(loaded.out_policy, steps=(Step(lower=0, upper=None, adjustment=100),))
    return replace(
        loaded, out_alarm=replace(loaded.out_alarm, threshold=10.0, label="backlog per instance"), out_policy=doubling
    )


def minute(visible, in_flight, in_service):
    return {
        "ApproximateNumberOfMessagesVisible": visible,
        "ApproximateNumberOfMessagesNotVisible": in_flight,
        "GroupInServiceInstances": in_service,
    }


def test_a_backlog_grows_the_fleet_and_says_why(fleet):
    scaler = Autoscaler(fleet)
    scaler.record(0, minute(360, 96, 3))
    decision = scaler.act(0, Capacity(desired=3, in_service=3))
    assert decision.reason == "backlog per instance 120, in service 3, step +100 % -> 6"
    scaler.record(1, minute(360, 96, 3))
    assert scaler.act(1, Capacity(desired=6, in_service=3, warming=3)).desired == 6


def test_an_idle_fleet_shrinks_by_no_more_than_its_surplus(fleet):
    scaler = Autoscaler(fleet)
    for number in range(30):
        scaler.record(number, minute(0, 0, 4))
    assert scaler.act(29, Capacity(desired=4, in_service=4)).desired in (1, 2, 3)


def test_a_busy_fleet_without_a_backlog_stays(fleet):
    scaler = Autoscaler(fleet)
    for number in range(30):
        scaler.record(number, minute(0, 4 * fleet.held_messages, 4))
    assert scaler.act(29, Capacity(desired=4, in_service=4)) is None


def test_nothing_is_done_without_metrics_of_the_queue(fleet):
    scaler = Autoscaler(fleet)
    for number in range(30):
        scaler.record(number, minute(None, None, 4))
    assert scaler.act(29, Capacity(desired=4, in_service=4)) is None


def test_replacing_the_only_instance_causes_no_division_by_zero(fleet):
    scaler = Autoscaler(fleet)
    scaler.record(0, minute(50, 0, 0))
    assert scaler.act(0, Capacity(desired=1, in_service=1)).reason.startswith("backlog per instance 50")
