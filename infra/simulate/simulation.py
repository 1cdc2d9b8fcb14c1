"""A fleet of workers on one queue, simulated: discrete events, the same result for the same seed.

When an instance takes a message from the queue it is known when it will be done with it, so the events are few: a
message that is taken, an instance that comes or goes, a minute that is measured, a minute that is decided on.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush, heapreplace
from random import Random
from typing import Protocol

from infra.scaling.policies import Group
from infra.scaling.steps import Capacity, Decision
from infra.simulate.worker import Worker
from infra.simulate.workloads import Trace

MINUTE = 60.0
MINIMUM_BILLED_SECONDS = 60.0
LONGEST_RUN = 40 * 24 * 3600.0

VISIBLE = "ApproximateNumberOfMessagesVisible"
NOT_VISIBLE = "ApproximateNumberOfMessagesNotVisible"
IN_SERVICE = "GroupInServiceInstances"
MEASURED = (VISIBLE, NOT_VISIBLE, IN_SERVICE)
"""The metrics that alarms may use here."""


class Scaler(Protocol):
    """Decides how many instances there shall be. drains: whether an instance finishes its work before it ends."""

    group: Group
    drains: bool

    def record(self, minute: int, values: dict[str, float | None]) -> None: ...

    def wanted(self, minute: int, capacity: Capacity) -> Decision | None:
        """Return the decision after what was measured up to `minute`, or None to leave the number as it is."""

    def warmup(self) -> float:
        """Return how long an instance launched now warms up once it is in service."""


@dataclass(frozen=True)
class Conditions:
    """lag_seconds: from the end of a minute until an alarm acts on it."""

    lag_seconds: float = 45
    seed: int = 0


@dataclass(frozen=True)
class Minute:
    """What was measured at the end of a minute. wait: 95th percentile of the pictures done in it, None if none was."""

    arrived: int
    visible: int
    in_flight: int
    in_service: int
    desired: int
    wait: float | None


@dataclass
class Outcome:
    """waits: seconds from arrival to result, ascending. killed: pictures whose instance was ended at work."""

    waits: list[float] = field(default_factory=list)
    instance_hours: float = 0.0
    killed: int = 0
    given_back: int = 0
    minutes: list[Minute] = field(default_factory=list)
    decisions: list[tuple[float, Decision]] = field(default_factory=list)

    def wait(self, share: float) -> float:
        """Return the wait that `share` of the pictures didn't exceed."""
        return self.waits[min(len(self.waits) - 1, int(share * len(self.waits)))] if self.waits else 0.0


class _Instance:
    """work: what it holds, as (done at, arrived at, taken at); what is done first comes first."""

    __slots__ = ("ended_at", "free_at", "launched_at", "ready_at", "warm_at", "work")

    def __init__(self, launched_at: float, ready_at: float, warm_at: float) -> None:
        self.launched_at, self.ready_at, self.warm_at = launched_at, ready_at, warm_at
        self.free_at = ready_at
        self.ended_at: float | None = None
        self.work: deque[tuple[float, float, float]] = deque()


def simulate(trace: Trace, worker: Worker, scaler: Scaler, conditions: Conditions | None = None) -> Outcome:
    """Run the trace to the end of its time, and on until every picture is done."""
    return _Simulation(trace, worker, scaler, conditions or Conditions()).run()


class _Simulation:
    def __init__(self, trace: Trace, worker: Worker, scaler: Scaler, conditions: Conditions) -> None:
        self.trace, self.worker, self.scaler, self.conditions = trace, worker, scaler, conditions
        self.random = Random(conditions.seed)  # noqa: S311 -- no secret
        self.arrivals: Sequence[float] = trace.arrivals
        self.next = 0
        self.now = 0.0
        self.returned: list[tuple[float, float]] = []
        """A heap of the messages that come back to the queue, as (visible at, arrived at)."""
        self.serving: list[_Instance] = []
        self.booting: list[_Instance] = []
        self.draining: list[_Instance] = []
        self.ended: list[_Instance] = []
        self.full: list[tuple[float, int, _Instance]] = []
        """While all are full: a heap of (has room at, a number to tell equals apart, instance)."""
        self.outcome = Outcome()
        self.desired = max(scaler.group.min, min(scaler.group.max, scaler.group.desired))
        self.arrivals_counted = self.waits_counted = 0

    def run(self) -> Outcome:
        for _ in range(self.desired):
            self.serving.append(_Instance(0.0, 0.0, 0.0))
        minute = 0
        # An alarm acts on a minute that ended `late` minutes and `after` seconds ago.
        late, after = divmod(self.conditions.lag_seconds, MINUTE)
        while minute * MINUTE < self.trace.seconds or self._unfinished():
            start = minute * MINUTE
            if start > self.trace.seconds + LONGEST_RUN:
                raise RuntimeError(f"the fleet never finishes {self.trace.name}")
            self._advance(start + after)
            if minute - 1 - int(late) >= 0:
                self._decide(minute - 1 - int(late), start + after)
            self._advance(start + MINUTE)
            self._measure(minute, start + MINUTE)
            minute += 1
        self._finish(minute * MINUTE)
        return self.outcome

    def _unfinished(self) -> bool:
        return self.next < len(self.arrivals) or bool(self.returned)

    def _advance(self, until: float) -> None:
        """Let instances come into service and take messages, up to `until`."""
        for instance in sorted((one for one in self.booting if one.ready_at <= until), key=lambda one: one.ready_at):
            self._take(instance.ready_at)
            self.now = instance.ready_at
            self.booting.remove(instance)
            self.serving.append(instance)
            self.full.clear()
        self._take(until)
        self.now = until

    def _take(self, until: float) -> None:
        """Let instances in service take messages, oldest first, while there are messages and room before `until`."""
        held, serving, random = self.worker.held, self.serving, self.random.random
        while serving:
            is_returned = bool(self.returned) and (
                self.next >= len(self.arrivals) or self.returned[0][0] <= self.arrivals[self.next]
            )
            if not is_returned and self.next >= len(self.arrivals):
                return
            visible_at = self.returned[0][0] if is_returned else self.arrivals[self.next]
            if visible_at >= until:
                return
            if self.full and self.full[0][0] > visible_at:
                at, number, instance = self.full[0]
                if at >= until:
                    return
            else:
                self.full.clear()
                # Whoever polls gets it; several poll at once.
                instance, at = serving[int(random() * len(serving))], max(visible_at, self.now)
                self._settle(instance, at)
                if len(instance.work) >= held:
                    for one in serving:
                        self._settle(one, at)
                    instance = min(serving, key=lambda one: len(one.work))
                    if len(instance.work) >= held:
                        self.full = [(one.work[0][0], number, one) for number, one in enumerate(serving)]
                        heapify(self.full)
                        continue
            if is_returned:
                _, arrived = heappop(self.returned)
            else:
                arrived = visible_at
                self.next += 1
            self._work(instance, arrived, at)
            if self.full:
                heapreplace(self.full, (instance.work[0][0], number, instance))

    def _work(self, instance: _Instance, arrived: float, taken: float) -> None:
        self._settle(instance, taken)
        service = 1 / self.worker.rate
        instance.free_at = max(instance.free_at, taken) + service
        instance.work.append((instance.free_at + max(0.0, self.worker.lone_seconds - service), arrived, taken))

    def _settle(self, instance: _Instance, now: float) -> None:
        """Record the waits of what the instance has finished by now."""
        work, waits = instance.work, self.outcome.waits
        while work and work[0][0] <= now:
            done, arrived, _ = work.popleft()
            waits.append(done - arrived)

    def _measure(self, minute: int, now: float) -> None:
        for instance in (*self.serving, *self.draining):
            self._settle(instance, now)
        for instance in [one for one in self.draining if one.ended_at is not None and one.ended_at <= now]:
            self.draining.remove(instance)
            self.ended.append(instance)
        arrived = bisect_right(self.arrivals, now, lo=self.next)
        visible = arrived - self.next + sum(at <= now for at, _ in self.returned)
        in_flight = sum(len(one.work) for one in (*self.serving, *self.draining))
        waits = self.outcome.waits
        recent = sorted(waits[self.waits_counted :])
        measured: dict[str, float | None] = {
            VISIBLE: visible,
            NOT_VISIBLE: in_flight,
            IN_SERVICE: len(self.serving),
        }
        self.scaler.record(minute, measured)
        self.outcome.minutes.append(
            Minute(
                arrived=arrived - self.arrivals_counted,
                visible=visible,
                in_flight=in_flight,
                in_service=len(self.serving),
                desired=self.desired,
                wait=recent[min(len(recent) - 1, int(0.95 * len(recent)))] if recent else None,
            )
        )
        self.arrivals_counted, self.waits_counted = arrived, len(waits)

    def _decide(self, minute: int, now: float) -> None:
        terminating = sum(one.ended_at is not None and one.ended_at > now for one in self.draining)
        warm = sum(one.warm_at <= now for one in self.serving)
        warming = len(self.serving) - warm + len(self.booting)
        capacity = Capacity(desired=self.desired, in_service=warm, warming=warming, terminating=terminating)
        decision = self.scaler.wanted(minute, capacity)
        if decision is None or decision.desired == self.desired:
            return
        self.outcome.decisions.append((now, decision))
        for _ in range(decision.desired - self.desired):
            self._launch(now)
        # The oldest go first, as the group's termination policies say.
        leaving = sorted((*self.serving, *self.booting), key=lambda one: one.launched_at)
        for instance in leaving[: max(0, self.desired - decision.desired)]:
            self._terminate(instance, now)
        self.desired = decision.desired

    def _launch(self, now: float) -> None:
        ready = now + self.worker.boot_seconds * self.random.uniform(0.8, 1.2)
        self.booting.append(_Instance(now, ready, ready + self.scaler.warmup()))

    def _terminate(self, instance: _Instance, now: float) -> None:
        if instance in self.booting:
            self.booting.remove(instance)
            instance.ended_at = now
            self.ended.append(instance)
            return
        self.serving.remove(instance)
        self.full.clear()
        self._settle(instance, now)
        given_up = now + self.worker.drain_seconds if self.scaler.drains else now
        kept = deque(one for one in instance.work if one[0] <= given_up)
        for _, arrived, taken in list(instance.work)[len(kept) :]:
            if self.scaler.drains:
                self.outcome.given_back += 1
                heappush(self.returned, (given_up, arrived))
            else:
                self.outcome.killed += 1
                heappush(self.returned, (max(now, taken + self.worker.visibility_seconds), arrived))
        instance.work = kept
        instance.ended_at = max([now, *(done for done, _, _ in kept)])
        self.draining.append(instance)

    def _finish(self, now: float) -> None:
        end = now
        for instance in (*self.serving, *self.draining, *self.booting, *self.ended):
            if instance.work:
                end = max(end, instance.work[-1][0])
            self._settle(instance, float("inf"))
        for instance in (*self.serving, *self.draining, *self.booting, *self.ended):
            lived = (end if instance.ended_at is None else instance.ended_at) - instance.launched_at
            self.outcome.instance_hours += max(MINIMUM_BILLED_SECONDS, lived) / 3600
        self.outcome.waits.sort()
