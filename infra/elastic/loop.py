"""What CloudWatch and Auto Scaling do in AWS: every minute measure, decide, and let the group follow."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from infra.elastic.group import Group
from infra.scaling.autoscaler import Autoscaler
from infra.scaling.policies import Fleet

LOOK_SECONDS = 0.1
VISIBLE, IN_FLIGHT = "ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"
IN_SERVICE = "GroupInServiceInstances"


@dataclass(frozen=True)
class Queue:
    """How many messages wait and how many are in flight."""

    visible: int
    in_flight: int


@dataclass(frozen=True)
class Minute:
    """What was measured in a minute, and what was decided; `reason` is empty while no alarm is in ALARM."""

    minute: int
    seconds: float
    visible: int
    in_flight: int
    pending: int
    in_service: int
    terminating: int
    desired: int
    reason: str


class Loop:
    """Keeps a group at the size that the fleet's policies want; a minute lasts `minute_seconds`.

    `keep` is given all minutes so far, after each.
    """

    def __init__(
        self,
        fleet: Fleet,
        group: Group,
        measure: Callable[[], Queue],
        minute_seconds: float,
        keep: Callable[[Sequence[Minute]], None],
    ) -> None:
        self.minutes: list[Minute] = []
        self._autoscaler = Autoscaler(fleet)
        self._group = group
        self._measure = measure
        self._minute_seconds = minute_seconds
        self._keep = keep
        self._started = time.monotonic()

    def minute(self) -> Minute:
        """Let a minute pass, then measure and decide."""
        end = time.monotonic() + self._minute_seconds
        while True:
            self._group.look()
            left = end - time.monotonic()
            if left <= 0:
                break
            time.sleep(min(left, LOOK_SECONDS))
        number, queue, counts = len(self.minutes), self._measure(), self._group.counts()
        self._autoscaler.record(
            number, {VISIBLE: queue.visible, IN_FLIGHT: queue.in_flight, IN_SERVICE: counts.in_service}
        )
        decision = self._autoscaler.act(number, self._group.capacity())
        if decision is not None:
            self._group.desired = decision.desired
        minute = Minute(
            minute=number,
            seconds=round(time.monotonic() - self._started, 2),
            **asdict(queue),
            **asdict(counts),
            desired=self._group.desired,
            reason="" if decision is None else decision.reason,
        )
        self.minutes.append(minute)
        self._keep(self.minutes)
        return minute
