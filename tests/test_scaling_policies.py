"""Reading scaling policies from a plan, and the errors for invalid plans."""

import copy
import json

import pytest

from infra.scaling import policies
from infra.scaling.plan import read_plan
from infra.scaling.policies import Group, Metric, PolicyError, Step

EXPRESSION = "IF(m_visible >= 0, CEIL((m_visible + m_inflight) / 32) - (m_inservice - 1))"


def metric(id, name, stat="Maximum", period=60):
    measured = {"namespace": "AWS", "metric_name": name, "dimensions": {}, "stat": stat, "period": period}
    return {"id": id, "label": None, "expression": None, "return_data": False, "metric": [measured]}


def alarm(name, expression, metrics, comparison, threshold):
    returned = {"id": "e", "label": "surplus", "expression": expression, "return_data": True, "metric": []}
    return {
        "type": "aws_cloudwatch_metric_alarm",
        "name": name,
        "values": {
            "alarm_name": name,
            "metric_query": [returned, *metrics],
            "threshold": threshold,
            "comparison_operator": comparison,
            "evaluation_periods": 2,
            "datapoints_to_alarm": None,
            "treat_missing_data": "notBreaching",
        },
    }


def scaling_policy(name, type, *steps):
    keys = ("metric_interval_lower_bound", "metric_interval_upper_bound", "scaling_adjustment")
    return {
        "type": "aws_autoscaling_policy",
        "name": name,
        "values": {
            "name": name,
            "autoscaling_group_name": "x-workers",
            "policy_type": "StepScaling",
            "adjustment_type": type,
            "min_adjustment_magnitude": None,
            "estimated_instance_warmup": 120 if name == "out" else None,
            "step_adjustment": [dict(zip(keys, step, strict=True)) for step in steps],
        },
    }


def resources():
    group = {
        "name": "x-workers",
        "min_size": 1,
        "max_size": 20,
        "desired_capacity": None,
        "default_instance_warmup": 180,
    }
    visible = metric("m_visible", "ApproximateNumberOfMessagesVisible")
    inflight = metric("m_inflight", "ApproximateNumberOfMessagesNotVisible")
    inservice = metric("m_inservice", "GroupInServiceInstances", "Average")
    return [
        {"type": "aws_autoscaling_group", "name": "this", "values": {"name": "x-web"}},
        {"type": "aws_autoscaling_group", "name": "worker", "values": group},
        alarm("out", "m_visible / m_inservice", [visible, inservice], "GreaterThanThreshold", 1),
        alarm("in", EXPRESSION, [visible, inflight, inservice], "LessThanOrEqualToThreshold", 0),
        scaling_policy("out", "PercentChangeInCapacity", ("4", "", 100), ("0", "4", 25)),
        {"type": "aws_autoscaling_policy", "name": "cpu", "values": {"autoscaling_group_name": "x-web"}},
        scaling_policy("in", "ChangeInCapacity", ("", "0", -1)),
    ]


def plan(folder, resources, *, nested=True):
    module = {"resources": resources}
    root = {"child_modules": [{"child_modules": [{"address": "module.a.module.b", **module}]}]} if nested else module
    path = folder / "plan.json"
    path.write_text(json.dumps({"planned_values": {"root_module": root}}))
    return path


def changed(name, type, /, **values):
    made = copy.deepcopy(resources())
    next(one for one in made if one["name"] == name and one["type"].endswith(type))["values"].update(values)
    return made


@pytest.mark.parametrize("nested", [True, False])
def test_a_plan_is_read_wherever_its_worker_module_lies(tmp_path, nested):
    fleet = read_plan(plan(tmp_path, resources(), nested=nested))
    assert fleet.group == Group(min=1, max=20, desired=1, default_instance_warmup=180)
    assert fleet.held_messages == 32
    assert fleet.out_policy.steps == (Step(lower=0, upper=4, adjustment=25), Step(lower=4, upper=None, adjustment=100))
    assert fleet.in_policy.steps == (Step(lower=None, upper=0, adjustment=-1),)
    assert fleet.out_alarm.datapoints == 2
    assert fleet.in_alarm.metrics[0] == Metric(
        id="m_inflight", name="ApproximateNumberOfMessagesNotVisible", stat="Maximum", period=60
    )


def test_an_instance_may_be_kept_for_a_fraction_of_a_message(tmp_path):
    made = copy.deepcopy(resources())
    for query in next(one for one in made if one["name"] == "in")["values"]["metric_query"]:
        query["expression"] = query["expression"] and query["expression"].replace("/ 32", "/ 2.5")
    assert read_plan(plan(tmp_path, made)).held_messages == 2.5


def test_the_warmup_is_the_policys_or_the_groups_or_the_cooldown_that_aws_falls_back_to(tmp_path):
    fleet = read_plan(plan(tmp_path, resources()))
    assert [fleet.warmup(fleet.out_policy), fleet.warmup(fleet.in_policy)] == [120, 180]
    bare = read_plan(plan(tmp_path, changed("worker", "group", default_instance_warmup=None)))
    assert bare.warmup(bare.in_policy) == 300


def test_a_plain_alarm_is_read_as_its_only_metric(tmp_path):
    plain = {"metric_query": [], "metric_name": "Load", "statistic": "Average", "period": 120}
    alarm = read_plan(plan(tmp_path, changed("out", "alarm", **plain))).out_alarm
    assert alarm.expression == "metric"
    assert alarm.metrics == (Metric(id="metric", name="Load", stat="Average", period=120),)


def test_written_policies_are_read_unchanged(tmp_path):
    fleet = read_plan(plan(tmp_path, resources()))
    (tmp_path / "policies.json").write_text(fleet.json())
    assert policies.load(tmp_path / "policies.json") == fleet


def test_the_checked_in_copy_is_in_the_form_that_is_written():
    assert policies.POLICIES.read_text() == policies.load().json()


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (changed("worker", "group", name="x-flower"), "no aws_autoscaling_group whose name is 'x-workers'"),
        (resources()[:4] + resources()[5:], "0 resources aws_autoscaling_policy.out"),
        (resources()[:2] + resources()[3:], "0 resources aws_cloudwatch_metric_alarm.out"),
        (resources() + resources()[-1:], "2 resources aws_autoscaling_policy.in"),
        (changed("out", "policy", policy_type="SimpleScaling"), "of type SimpleScaling; StepScaling is modelled"),
        (changed("out", "policy", adjustment_type="Halve"), "The adjustment type is 'Halve'"),
        (changed("out", "alarm", comparison_operator="Near"), "The comparison operator is 'Near'"),
        (changed("out", "alarm", treat_missing_data="so"), "The treatment of missing data is 'so'"),
        (changed("out", "alarm", datapoints_to_alarm=3), "can't need 3 datapoints of 2"),
        (
            changed("out", "alarm", metric_query=resources()[2]["values"]["metric_query"][:2]),
            "reads m_inservice, which it has no metric for",
        ),
        (
            changed("in", "alarm", metric_query=resources()[2]["values"]["metric_query"]),
            r"must have one CEIL\(messages / NUMBER\)",
        ),
        (changed("worker", "group", min_size=30), "A group of 30 to 20 can't want 30 instances"),
        (changed("worker", "group", min_size=0), "A group with a minimum of 0 isn't modelled"),
        (
            [*resources(), scaling_policy("wake", "ChangeInCapacity", ("0", "", 1))],
            "scales 'x-workers' by wake too; only out and in are modelled",
        ),
    ],
)
def test_missing_or_unsupported_values_are_named(tmp_path, made, sentence):
    with pytest.raises(PolicyError, match=sentence):
        read_plan(plan(tmp_path, made))


def lacking(place, *path):
    """Return resources of which the one at `place` has no such attribute; a path leads into nested ones."""
    made = copy.deepcopy(resources())
    values = made[place]["values"]
    for key in path[:-1]:
        values = values[key]
    del values[path[-1]]
    return made


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lacking(4, "autoscaling_group_name"), "aws_autoscaling_policy.out has no autoscaling_group_name"),
        (lacking(1, "max_size"), "aws_autoscaling_group x-workers has no max_size"),
        (lacking(2, "threshold"), "aws_cloudwatch_metric_alarm.out has no threshold"),
        (lacking(3, "metric_query", 1, "metric", 0, "stat"), "aws_cloudwatch_metric_alarm.in has no stat"),
        (lacking(6, "step_adjustment"), "aws_autoscaling_policy.in has no step_adjustment"),
        (lacking(6, "step_adjustment", 0, "scaling_adjustment"), "aws_autoscaling_policy.in has no scaling_adjustment"),
        (
            changed("worker", "group", max_size=None),
            "aws_autoscaling_group x-workers has a value of an unexpected type",
        ),
        (changed("in", "policy", step_adjustment=None), "aws_autoscaling_policy.in has a value of an unexpected type"),
    ],
)
def test_a_resource_that_lacks_an_attribute_is_named(tmp_path, made, sentence):
    with pytest.raises(PolicyError, match=f"The plan's {sentence}"):
        read_plan(plan(tmp_path, made))


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"\xff\xd8\xff\xe0", b'{"planned_values": {"root_module": []}}']
)
def test_an_invalid_plan_is_refused(tmp_path, content):
    (tmp_path / "plan.json").write_bytes(content)
    with pytest.raises(PolicyError, match="isn't what `terraform show -json PLAN` prints"):
        read_plan(tmp_path / "plan.json")
    (tmp_path / "plan.json").write_bytes(content or b"{")
    with pytest.raises(PolicyError, match="isn't a file of scaling policies"):
        policies.load(tmp_path / "plan.json")
