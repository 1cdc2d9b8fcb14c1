"""What Terraform declares about the worker fleet's scaling, read from a plan.

`python -m infra.scaling.plan PLAN.json` writes policies.json, the copy for machines without Terraform; PLAN.json is
what `terraform show -json PLAN` prints, for the whole stack or for the worker module alone.
"""

import ast
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from infra.scaling import metric_math
from infra.scaling.policies import POLICIES, Alarm, Fleet, Group, Metric, PolicyError, Step, StepPolicy

ALARM, POLICY = "aws_cloudwatch_metric_alarm", "aws_autoscaling_policy"
Result = TypeVar("Result")


def read_plan(path: Path) -> Fleet:
    """Read a plan's JSON. Raises PolicyError that names what is missing or not modelled."""
    try:
        resources = list(_resources(json.loads(path.read_text())["planned_values"]["root_module"]))
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise PolicyError(f"{path} isn't what `terraform show -json PLAN` prints.") from error
    scaled = _found(resources, POLICY, "out", lambda values: values["autoscaling_group_name"])
    group = _group(resources, scaled)
    _refuse_other_policies(resources, scaled)
    in_alarm = _found(resources, ALARM, "in", _read_alarm)
    return Fleet(
        group=group,
        held_messages=_held_messages(in_alarm),
        out_alarm=_found(resources, ALARM, "out", _read_alarm),
        out_policy=_found(resources, POLICY, "out", _read_policy),
        in_alarm=in_alarm,
        in_policy=_found(resources, POLICY, "in", _read_policy),
    )


def _resources(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for one in module.get("resources", []):
        yield {"type": one["type"], "name": one["name"], "values": one.get("values", {})}
    for child in module.get("child_modules", []):
        yield from _resources(child)


def _found(
    resources: list[Mapping[str, Any]], type: str, name: str, read: Callable[[Mapping[str, Any]], Result]
) -> Result:
    """Return what is read of the values of the one resource that has this type and name."""
    alike = [one["values"] for one in resources if one["type"] == type and one["name"] == name]
    if len(alike) != 1:
        raise PolicyError(f"The plan has {len(alike)} resources {type}.{name}; there must be one.")
    with _naming(f"{type}.{name}"):
        return read(alike[0])


@contextmanager
def _naming(resource: str) -> Iterator[None]:
    """Name the resource whose values lack an attribute; a plan leaves out those that are known after it is applied."""
    try:
        yield
    except KeyError as error:
        raise PolicyError(f"The plan's {resource} has no {error.args[0]}, or none before it is applied.") from error
    except TypeError as error:
        raise PolicyError(f"The plan's {resource} has a value of an unexpected type: {error}.") from error


def _group(resources: list[Mapping[str, Any]], name: str) -> Group:
    """Return the group that the policies name: there are others, of the web tier."""
    groups: list[Mapping[str, Any]] = [one["values"] for one in resources if one["type"] == "aws_autoscaling_group"]
    for group in groups:
        if group.get("name") == name:
            with _naming(f"aws_autoscaling_group {name}"):
                return _read_group(group)
    raise PolicyError(f"The plan has no aws_autoscaling_group whose name is {name!r}, which the policy scales.")


def _read_group(values: Mapping[str, Any]) -> Group:
    return Group(
        min=values["min_size"],
        max=values["max_size"],
        desired=values["min_size"] if values["desired_capacity"] is None else values["desired_capacity"],
        default_instance_warmup=values["default_instance_warmup"],
    )


def _refuse_other_policies(resources: list[Mapping[str, Any]], group: str) -> None:
    policies = [one for one in resources if one["type"] == POLICY]
    names = [one["name"] for one in policies if one["values"].get("autoscaling_group_name") == group]
    others = [name for name in names if name not in ("out", "in")]
    if others:
        raise PolicyError(f"The plan scales {group!r} by {', '.join(others)} too; only out and in are modelled.")


def _read_alarm(values: Mapping[str, Any]) -> Alarm:
    queries = values.get("metric_query") or []
    if queries:
        returned = [query for query in queries if query["return_data"]]
        if len(returned) != 1 or not returned[0]["expression"]:
            raise PolicyError(f"The alarm {values['alarm_name']} must return one expression.")
        label, expression = returned[0]["label"] or returned[0]["id"], returned[0]["expression"]
        measured = [(query["id"], metric) for query in queries for metric in query["metric"]]
        if len(measured) != len(queries) - 1:
            raise PolicyError(f"The alarm {values['alarm_name']} has more than one expression; one is modelled.")
        metrics = [(id, metric["metric_name"], metric["stat"], metric["period"]) for id, metric in measured]
    else:
        label, expression = values["metric_name"], "metric"
        metrics = [("metric", values["metric_name"], values["statistic"], int(values["period"]))]
    return Alarm(
        label=label,
        expression=expression,
        metrics=tuple(Metric(id=id, name=name, stat=stat, period=period) for id, name, stat, period in sorted(metrics)),
        threshold=float(values["threshold"]),
        comparison=values["comparison_operator"],
        evaluation_periods=values["evaluation_periods"],
        datapoints=values["datapoints_to_alarm"] or values["evaluation_periods"],
        treat_missing_data=values["treat_missing_data"] or "missing",
    )


def _read_policy(values: Mapping[str, Any]) -> StepPolicy:
    if values["policy_type"] != "StepScaling":
        raise PolicyError(f"The policy {values['name']} is of type {values['policy_type']}; StepScaling is modelled.")
    steps = [
        Step(
            lower=_bound(step["metric_interval_lower_bound"]),
            upper=_bound(step["metric_interval_upper_bound"]),
            adjustment=step["scaling_adjustment"],
        )
        for step in values["step_adjustment"]
    ]
    return StepPolicy(
        adjustment_type=values["adjustment_type"],
        min_adjustment_magnitude=values["min_adjustment_magnitude"] or 0,
        steps=tuple(sorted(steps, key=lambda step: float("-inf") if step.lower is None else step.lower)),
        warmup=values["estimated_instance_warmup"],
    )


def _bound(text: str | None) -> float | None:
    return float(text) if text else None


def _held_messages(alarm: Alarm) -> float:
    """Return the number by which the scale-in alarm divides the work to find the instances that it needs."""
    divisors = []
    for node in ast.walk(metric_math.parse(alarm.expression)):
        match node:
            case ast.Call(
                func=ast.Name(id="CEIL"), args=[ast.BinOp(op=ast.Div(), right=ast.Constant(value=float(by)))]
            ):
                divisors.append(by)
    if len(divisors) != 1 or not divisors[0]:
        raise PolicyError(f"The scale-in alarm's `{alarm.expression}` must have one CEIL(messages / NUMBER).")
    return divisors[0]


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m infra.scaling.plan PLAN.json")
    try:
        POLICIES.write_text(read_plan(Path(sys.argv[1])).json())
    except (PolicyError, metric_math.ExpressionError, OSError) as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
