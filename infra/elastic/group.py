"""The local stand-in for an Auto Scaling Group: it keeps the desired number of instances, replaces those
that fail, and terminates the oldest first."""

from collections.abc import Callable
from dataclasses import dataclass

from infra.elastic.instances import Instance, State
from infra.scaling.steps import Capacity

GIVE_UP_AFTER = 5
"""Instances in a row that fail before they were in service; then something is wrong with all of them."""


class LaunchesFail(Exception):
    """No instance gets into service; the text is the end of the last one's log."""


@dataclass(frozen=True)
class Counts:
    pending: int
    in_service: int
    terminating: int


class Group:
    def __init__(self, launch: Callable[[int], Instance], desired: int, say: Callable[[str], None]) -> None:
        self.desired = desired
        self.killed = 0
        self._launch = launch
        self._say = say
        self._launched = 0
        self._failed_in_a_row = 0
        self._instances: list[Instance] = []

    def look(self) -> None:
        """Update the state of all instances, then launch or terminate as many as the desired number asks for."""
        for instance in self._instances:
            before = instance.state
            instance.look()
            if instance.state is not before:
                self._tell(instance, before)
        self._instances = [one for one in self._instances if one.state is not State.GONE]
        alive = self._in(State.PENDING, State.IN_SERVICE)
        for _ in range(self.desired - len(alive)):
            self._launched += 1
            self._instances.append(self._launch(self._launched))
            self._say(f"instance {self._launched}: launched")
        for instance in alive[: max(0, len(alive) - self.desired)]:
            instance.terminate()
            self._say(f"instance {instance.number}: drains")

    def counts(self) -> Counts:
        return Counts(*(len(self._in(state)) for state in (State.PENDING, State.IN_SERVICE, State.TERMINATING)))

    def capacity(self) -> Capacity:
        """Return the instances as step scaling counts them: those that are pending are warming."""
        counts = self.counts()
        return Capacity(
            desired=self.desired,
            in_service=counts.in_service,
            warming=counts.pending,
            terminating=counts.terminating,
        )

    def kill(self) -> None:
        """End all instances at once."""
        for instance in self._instances:
            instance.look()
            if instance.state is not State.GONE:
                instance.kill()

    def _in(self, *states: State) -> list[Instance]:
        """Return instances in these states, oldest first."""
        return [instance for instance in self._instances if instance.state in states]

    def _tell(self, instance: Instance, before: State) -> None:
        if instance.state is State.IN_SERVICE:
            self._failed_in_a_row = 0
            self._say(f"instance {instance.number}: in service")
        elif instance.killed:
            self.killed += 1
            self._say(f"instance {instance.number}: killed, since it did not end in time")
        elif instance.failed:
            self._say(f"instance {instance.number}: ended by itself, and is replaced")
            self._failed_in_a_row += before is State.PENDING
            if self._failed_in_a_row >= GIVE_UP_AFTER:
                raise LaunchesFail(instance.end_of_log())
        else:
            self._say(f"instance {instance.number}: gone")
