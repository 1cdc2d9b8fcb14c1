"""What a step scaling policy decides at an alarm's value.

Sources: "Step scaling policies" (bounds, adjustment types, rounding, instance warm-up) and "Set the default instance
warmup", Amazon EC2 Auto Scaling User Guide.
"""

import math
from dataclasses import dataclass

from infra.scaling.policies import EXACT, PERCENT, Alarm, Group, Step, StepPolicy


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """A group's instances, each in one of: in_service (and warm), warming (from launch on), terminating."""

    desired: int
    in_service: int
    warming: int = 0
    terminating: int = 0


@dataclass(frozen=True)
class Decision:
    """The number of instances wanted from now on, and why; the same number as before where nothing is done."""

    desired: int
    reason: str


def decide(policy: StepPolicy, alarm: Alarm, value: float, capacity: Capacity, group: Group) -> Decision:
    """Return what the policy does while `alarm` is in ALARM with `value`."""
    step = _step(policy, alarm, value)
    if step is None:
        return Decision(capacity.desired, f"{alarm.label} {value:.6g}, no step -> {capacity.desired}")
    if alarm.above:
        # Instances that warm up don't count yet, so the same breach twice launches once.
        counted, said = capacity.in_service, f"in service {capacity.in_service}{_also(capacity.warming, 'warming')}"
    else:
        # Instances that terminate still count, so the same breach twice terminates once.
        counted = capacity.in_service + capacity.terminating
        said = f"in service {capacity.in_service}{_also(capacity.terminating, 'terminating')}"
    wanted = max(group.min, min(group.max, _adjusted(policy, step, counted)))
    reason = f"{alarm.label} {value:.6g}, {said}, step {_shown(policy, step)}"
    if policy.adjustment_type != EXACT:
        if alarm.above and wanted <= capacity.desired:
            return Decision(capacity.desired, f"{reason} -> {capacity.desired}, as before")
        if not alarm.above and wanted >= capacity.desired:
            return Decision(capacity.desired, f"{reason} -> {capacity.desired}, as before")
    if wanted < capacity.desired and capacity.warming:
        return Decision(capacity.desired, f"{reason} -> {capacity.desired}: {capacity.warming} still warming")
    return Decision(wanted, f"{reason} -> {wanted}")


def rounded(change: float) -> int:
    """Return whole instances: away from zero below one, else towards zero."""
    if 0 < abs(change) < 1:
        return 1 if change > 0 else -1
    return math.trunc(change)


def _step(policy: StepPolicy, alarm: Alarm, value: float) -> Step | None:
    difference = value - alarm.threshold
    above = difference > 0 or (difference == 0 and alarm.above)
    for step in policy.steps:
        lower = -math.inf if step.lower is None else step.lower
        upper = math.inf if step.upper is None else step.upper
        if (lower <= difference < upper) if above else (lower < difference <= upper):
            return step
    return None


def _adjusted(policy: StepPolicy, step: Step, capacity: int) -> int:
    if policy.adjustment_type == EXACT:
        return step.adjustment
    if policy.adjustment_type != PERCENT:
        return capacity + step.adjustment
    change = rounded(capacity * step.adjustment / 100)
    if change and abs(change) < policy.min_adjustment_magnitude:
        change = int(math.copysign(policy.min_adjustment_magnitude, change))
    return capacity + change


def _also(count: int, state: str) -> str:
    return f", {state} {count}" if count else ""


def _shown(policy: StepPolicy, step: Step) -> str:
    if policy.adjustment_type == EXACT:
        return f"={step.adjustment}"
    return f"{step.adjustment:+d} %" if policy.adjustment_type == PERCENT else f"{step.adjustment:+d}"
