"""A fleet's two alarms and two policies at work: measurements in, decisions out.

The caller keeps the time and the instances. Measurements are recorded by the minute, and a minute may last as long as
the caller likes.
"""

from collections.abc import Mapping

from infra.scaling.alarms import Measurements, State, evaluate
from infra.scaling.policies import Fleet
from infra.scaling.steps import Capacity, Decision, decide


class Autoscaler:
    """Looks at both alarms every minute, as CloudWatch does, and lets an alarm's policy act every minute it lasts."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.measured = Measurements()
        self.out_state = State.INSUFFICIENT_DATA
        self.in_state = State.INSUFFICIENT_DATA

    def record(self, minute: int, values: Mapping[str, float | None]) -> None:
        """Keep what CloudWatch's metrics, by their names, were in that minute."""
        self.measured.record(minute, values)

    def act(self, minute: int, capacity: Capacity) -> Decision | None:
        """Return the decision after what was measured up to that minute, or None while no alarm is in ALARM.

        If both are, the policy that leaves more instances wins, as in Auto Scaling.
        """
        fleet = self.fleet
        out = evaluate(fleet.out_alarm, self.measured, minute, self.out_state)
        in_ = evaluate(fleet.in_alarm, self.measured, minute, self.in_state)
        self.out_state, self.in_state = out.state, in_.state
        if out.state is State.ALARM and out.value is not None:
            return decide(fleet.out_policy, fleet.out_alarm, out.value, capacity, fleet.group)
        if in_.state is State.ALARM and in_.value is not None:
            return decide(fleet.in_policy, fleet.in_alarm, in_.value, capacity, fleet.group)
        return None
