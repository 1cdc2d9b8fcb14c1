"""When an alarm is in ALARM: its metrics a minute each, aggregated to its period, compared with its threshold.

The window slides: it ends with the latest minute, whatever the period, and is looked at every minute. Sources: "Using
Amazon CloudWatch alarms" (missing data, premature transitions) and "Alarm evaluation window", CloudWatch User Guide.
"""

import operator
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from infra.scaling import metric_math
from infra.scaling.policies import Alarm, Metric

EXTRA_PERIODS = 2
"""How many more periods are fetched than evaluated, in case some have no value; AWS's examples fetch 5 for 3."""

_BREACHES: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Average": lambda values: sum(values) / len(values),
    "Maximum": max,
    "Minimum": min,
    "SampleCount": len,
    "Sum": sum,
}


class State(Enum):
    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class Measurements:
    """Metrics by name, with a value for each minute or None; minutes count from 0."""

    def __init__(self) -> None:
        self._values: defaultdict[str, dict[int, float]] = defaultdict(dict)

    def record(self, minute: int, values: Mapping[str, float | None]) -> None:
        """Keep what was measured in `minute`; a metric without a value has none for that minute."""
        for name, value in values.items():
            if value is not None:
                self._values[name][minute] = value

    def series(self, metric: Metric, minute: int, periods: int) -> list[float | None]:
        """Return the metric's statistic for each of the `periods` up to `minute`, that minute included."""
        known, length = self._values[metric.name], metric.period // 60
        first = minute + 1 - periods * length
        result: list[float | None] = []
        for start in range(first, minute + 1, length):
            values = [known[one] for one in range(start, start + length) if one in known]
            result.append(_STATISTICS[metric.stat](values) if values else None)
        return result


@dataclass(frozen=True)
class Evaluation:
    """value: the latest that the state was decided on; None if there was none."""

    state: State
    value: float | None


def evaluate(alarm: Alarm, measured: Measurements, minute: int, state: State) -> Evaluation:
    """Return the state after `minute`, of an alarm that was in `state` before."""
    periods = alarm.evaluation_periods + EXTRA_PERIODS
    metrics = {metric.id: measured.series(metric, minute, periods) for metric in alarm.metrics}
    values = metric_math.evaluate(alarm.expression, metrics)
    existing = [value for value in values if value is not None]
    return Evaluation(judge(alarm, values, state), existing[-1] if existing else None)


def judge(alarm: Alarm, values: Sequence[float | None], state: State) -> State:
    """Return the state that these values give, one for each period, oldest first; None where one is missing."""
    existing = [breaches(alarm, value) for value in values if value is not None][-alarm.evaluation_periods :]
    missing = alarm.evaluation_periods - len(existing)
    breaching = sum(existing)
    if missing and alarm.treat_missing_data == "breaching":
        breaching += missing
    if breaching >= alarm.datapoints:
        return State.ALARM
    if not missing or not all(existing) or alarm.treat_missing_data in ("breaching", "notBreaching"):
        return State.OK
    if alarm.treat_missing_data == "ignore":
        return state
    # An old breach that nothing has contradicted since counts as if it lasted: AWS's "premature alarm state".
    oldest = next((age for age, value in zip(range(len(values), 0, -1), values, strict=True) if value is not None), 0)
    return State.ALARM if existing and oldest >= alarm.datapoints else State.INSUFFICIENT_DATA


def breaches(alarm: Alarm, value: float) -> bool:
    return _BREACHES[alarm.comparison](value, alarm.threshold)
