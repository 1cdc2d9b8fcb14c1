"""The policies that are compared."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from infra.scaling.alarms import Measurements
from infra.scaling.autoscaler import Autoscaler
from infra.scaling.policies import CHANGE, Alarm, Fleet, Group, Metric, PolicyError, Step, StepPolicy
from infra.scaling.steps import Capacity, Decision
from infra.simulate.simulation import IN_SERVICE, MEASURED, MINUTE, VISIBLE
from infra.simulate.worker import Worker
from infra.simulate.workloads import Trace


class StepScaling:
    """Two alarms and two step policies, as in AWS. Raises PolicyError where they use what isn't measured here."""

    def __init__(self, fleet: Fleet, drains: bool = True) -> None:
        used = {metric.name for alarm in (fleet.out_alarm, fleet.in_alarm) for metric in alarm.metrics}
        if unknown := used - set(MEASURED):
            raise PolicyError(f"The alarms use {', '.join(sorted(unknown))}; {', '.join(MEASURED)} are simulated.")
        self.group, self.drains = fleet.group, drains
        self._fleet, self._autoscaler = fleet, Autoscaler(fleet)

    def record(self, minute: int, values: dict[str, float | None]) -> None:
        self._autoscaler.record(minute, values)

    def wanted(self, minute: int, capacity: Capacity) -> Decision | None:
        return self._autoscaler.act(minute, capacity)

    def warmup(self) -> float:
        return self._fleet.warmup(self._fleet.out_policy)


def old(group: Group) -> StepScaling:
    """Return the policy of the system that this one replaces.

    Plain alarms on the queue's length, a minute each: one instance more while anything waits, one fewer while nothing
    does. No warm-up is set, so Auto Scaling waits 300 s; nothing drains, so scaling in ends instances at their work.
    """
    length = Metric(id="m_visible", name=VISIBLE, stat="Average", period=60)
    busy = Alarm(
        label="queue length",
        expression="m_visible",
        metrics=(length,),
        threshold=1,
        comparison="GreaterThanOrEqualToThreshold",
        evaluation_periods=1,
        datapoints=1,
        treat_missing_data="missing",
    )
    one_more = StepPolicy(
        adjustment_type=CHANGE,
        min_adjustment_magnitude=0,
        steps=(Step(lower=0, upper=None, adjustment=1),),
        warmup=None,
    )
    fleet = Fleet(
        group=replace(group, default_instance_warmup=None),
        held_messages=1,
        out_alarm=busy,
        out_policy=one_more,
        in_alarm=replace(busy, threshold=0, comparison="LessThanOrEqualToThreshold"),
        in_policy=replace(one_more, steps=(Step(lower=None, upper=0, adjustment=-1),)),
    )
    return StepScaling(fleet, drains=False)


@dataclass
class TargetTracking:
    """AWS's target tracking of the backlog per instance.

    As AWS sets up its alarms: out after 3 minutes above the target, in proportion to it; in after 15 minutes below 90 %
    of it. How AWS scales in "gradually" isn't documented: here by a tenth of the instances, one at least, a minute.
    """

    group: Group
    target: float
    warmup_seconds: float
    drains: bool = True

    OUT_MINUTES = 3
    IN_MINUTES = 15
    IN_SHARE = 0.9

    def __post_init__(self) -> None:
        self._measured = Measurements()

    def record(self, minute: int, values: dict[str, float | None]) -> None:
        self._measured.record(minute, values)

    def wanted(self, minute: int, capacity: Capacity) -> Decision | None:
        backlogs = self._backlogs(minute)
        latest = backlogs[-self.OUT_MINUTES :]
        if len(latest) == self.OUT_MINUTES and min(latest) > self.target:
            wanted = min(self.group.max, math.ceil(capacity.in_service * latest[-1] / self.target))
            if wanted > capacity.desired:
                return Decision(wanted, f"backlog per instance {latest[-1]:.6g} above {self.target:.6g} -> {wanted}")
            return None
        idle = len(backlogs) == self.IN_MINUTES and max(backlogs) < self.IN_SHARE * self.target
        if idle and not capacity.warming and not capacity.terminating:
            wanted = max(self.group.min, capacity.desired - max(1, capacity.desired // 10))
            if wanted < capacity.desired:
                return Decision(wanted, f"backlog per instance {backlogs[-1]:.6g} below {self.target:.6g} -> {wanted}")
        return None

    def warmup(self) -> float:
        return self.warmup_seconds

    def _backlogs(self, minute: int) -> list[float]:
        def last(name: str) -> Sequence[float | None]:
            return self._measured.series(Metric(id="m", name=name, stat="Average", period=60), minute, self.IN_MINUTES)

        pairs = zip(last(VISIBLE), last(IN_SERVICE), strict=True)
        return [waiting / (count or 1) for waiting, count in pairs if waiting is not None and count is not None]


@dataclass
class Scheduled:
    """The number of instances for each minute, given beforehand; drains as ours does."""

    group: Group
    schedule: Sequence[int]
    drains: bool = True

    def record(self, minute: int, values: dict[str, float | None]) -> None:
        """Ignore what is measured."""

    def wanted(self, minute: int, capacity: Capacity) -> Decision | None:
        # A decision is made on the minute that ended last, so it is for the one after.
        wanted = self.schedule[min(minute + 1, len(self.schedule) - 1)]
        return Decision(wanted, f"scheduled -> {wanted}")

    def warmup(self) -> float:
        return 0


def always_most(group: Group) -> Scheduled:
    """Return the largest fleet at all times: a picture that waits even there waits for the work itself."""
    return Scheduled(replace(group, desired=group.max), [group.max])


def foresight(group: Group, trace: Trace, worker: Worker, lag_seconds: float) -> Scheduled:
    """Return a schedule that knows all arrivals, and so lets a picture wait for hardly longer than its work takes.

    For each second (or the time of one picture, if that is longer) it takes as many instances as finish the whole
    backlog within it, up to the group's maximum. An instance is launched early enough to boot, and kept if it would be
    needed again before a new one had booted. So its waits are a floor; its instance-hours are good, not proven best.
    """
    needed = _needed(group, trace, worker)
    ahead = math.ceil((1.2 * worker.boot_seconds + lag_seconds) / MINUTE) + 1
    schedule = [max(needed[minute : minute + ahead + 1]) for minute in range(len(needed))]
    return Scheduled(replace(group, desired=schedule[0]), schedule)


def _needed(group: Group, trace: Trace, worker: Worker) -> list[int]:
    """Return the instances needed in each minute."""
    slot = max(1.0, 1 / worker.rate)
    arrived = [0] * (int(trace.seconds / slot) + 1)
    for time in trace.arrivals:
        arrived[min(len(arrived) - 1, int(time / slot))] += 1
    needed = [group.min] * (int(trace.seconds / MINUTE) + 1)
    backlog = 0.0
    for number, count in enumerate(arrived):
        backlog += count
        instances = min(group.max, math.ceil(backlog / (worker.rate * slot)))
        backlog = max(0.0, backlog - instances * worker.rate * slot)
        minute = min(len(needed) - 1, int(number * slot / MINUTE))
        needed[minute] = max(needed[minute], instances)
    return needed
