"""A fleet's scaling: its group, its two alarms and its two step policies, and the file that keeps them.

policies.json is the copy for machines without Terraform; infra.scaling.plan writes it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from infra.scaling import metric_math

POLICIES = Path(__file__).with_name("policies.json")

CHANGE, PERCENT, EXACT = "ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"
COMPARISONS = (
    "GreaterThanThreshold",
    "GreaterThanOrEqualToThreshold",
    "LessThanThreshold",
    "LessThanOrEqualToThreshold",
)
MISSING_DATA = ("missing", "ignore", "breaching", "notBreaching")
STATISTICS = ("Average", "Maximum", "Minimum", "SampleCount", "Sum")
DEFAULT_COOLDOWN_SECONDS = 300
"""What Auto Scaling waits where a group sets neither a warm-up nor a cooldown."""


class PolicyError(ValueError):
    """A plan or a policy lacks something, or declares what isn't modelled here."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A CloudWatch metric in an alarm. period: seconds."""

    id: str
    name: str
    stat: str
    period: int


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """An alarm on metric math. label: what the expression is called, in the reasons of decisions."""

    label: str
    expression: str
    metrics: tuple[Metric, ...]
    threshold: float
    comparison: str
    evaluation_periods: int
    datapoints: int
    treat_missing_data: str

    def __post_init__(self) -> None:
        _one_of(COMPARISONS, self.comparison, "comparison operator")
        _one_of(MISSING_DATA, self.treat_missing_data, "treatment of missing data")
        for metric in self.metrics:
            _one_of(STATISTICS, metric.stat, f"statistic of {metric.id}")
        if len({metric.period for metric in self.metrics}) != 1:
            raise PolicyError(f"The metrics of the alarm on {self.label} must have the same period.")
        if self.period % 60:
            raise PolicyError(f"The alarm on {self.label} has a period of {self.period} s: only minutes are modelled.")
        if not 1 <= self.datapoints <= self.evaluation_periods:
            raise PolicyError(
                f"The alarm on {self.label} can't need {self.datapoints} datapoints of {self.evaluation_periods}."
            )
        unknown = metric_math.metric_ids(self.expression) - {metric.id for metric in self.metrics}
        if unknown:
            raise PolicyError(
                f"The alarm on {self.label} reads {', '.join(sorted(unknown))}, which it has no metric for."
            )

    @property
    def period(self) -> int:
        return self.metrics[0].period

    @property
    def above(self) -> bool:
        """Whether values above the threshold breach it."""
        return self.comparison.startswith("Greater")


@dataclass(frozen=True, kw_only=True)
class Step:
    """An adjustment for values between two bounds, relative to the alarm's threshold; None: unbounded."""

    lower: float | None
    upper: float | None
    adjustment: int


@dataclass(frozen=True, kw_only=True)
class StepPolicy:
    """warmup: seconds until an instance that this policy launched counts as capacity; None: the group's."""

    adjustment_type: str
    min_adjustment_magnitude: int
    steps: tuple[Step, ...]
    warmup: int | None

    def __post_init__(self) -> None:
        _one_of((CHANGE, PERCENT, EXACT), self.adjustment_type, "adjustment type")
        if not self.steps:
            raise PolicyError("A step scaling policy needs a step.")
        infinity = float("inf")
        bounds = sorted(
            (-infinity if s.lower is None else s.lower, infinity if s.upper is None else s.upper) for s in self.steps
        )
        for (_, upper), (lower, _) in pairwise(bounds):
            if upper != lower:
                raise PolicyError(f"Steps overlap or leave a gap between {upper:g} and {lower:g}.")


@dataclass(frozen=True, kw_only=True)
class Group:
    """The Auto Scaling Group. default_instance_warmup: seconds; None where the group sets none."""

    min: int
    max: int
    desired: int
    default_instance_warmup: int | None

    def __post_init__(self) -> None:
        if not self.min <= self.desired <= self.max:
            raise PolicyError(f"A group of {self.min} to {self.max} can't want {self.desired} instances.")
        if self.min < 1:
            raise PolicyError(f"A group with a minimum of {self.min} isn't modelled: it must keep one instance.")


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """The group with alarms and policies. held_messages: messages for which the scale-in alarm keeps an instance."""

    group: Group
    held_messages: float
    out_alarm: Alarm
    out_policy: StepPolicy
    in_alarm: Alarm
    in_policy: StepPolicy

    def warmup(self, policy: StepPolicy) -> int:
        """Return the seconds after which an instance that `policy` launched counts as capacity."""
        if policy.warmup is not None:
            return policy.warmup
        default = self.group.default_instance_warmup
        return DEFAULT_COOLDOWN_SECONDS if default is None else default

    def json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"


def load(path: Path = POLICIES) -> Fleet:
    """Read a file that this module has written. Raises PolicyError."""
    try:
        document = json.loads(path.read_text())
        return Fleet(
            group=Group(**document["group"]),
            held_messages=document["held_messages"],
            out_alarm=_alarm(document["out_alarm"]),
            out_policy=_policy(document["out_policy"]),
            in_alarm=_alarm(document["in_alarm"]),
            in_policy=_policy(document["in_policy"]),
        )
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise PolicyError(f"{path} isn't a file of scaling policies: {error}.") from error


def _alarm(document: Mapping[str, Any]) -> Alarm:
    return Alarm(**{**document, "metrics": tuple(Metric(**metric) for metric in document["metrics"])})


def _policy(document: Mapping[str, Any]) -> StepPolicy:
    return StepPolicy(**{**document, "steps": tuple(Step(**step) for step in document["steps"])})


def _one_of(allowed: tuple[str, ...], value: str, what: str) -> None:
    if value not in allowed:
        raise PolicyError(f"The {what} is {value!r}; it must be one of {', '.join(allowed)}.")
