"""drain-watch, the real script, against a metadata service and stand-ins for systemctl and aws."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.metadata import INSTANCE, SPOT, STATE, Metadata, metadata
from tests.infra.stubs import Stubs
from tests.system.harness import ROOT, wait_until

BIN = ROOT / "infra" / "ami" / "bin"
WORKER = "recognition-worker.service"
STOP = f"systemctl stop {WORKER}"
NO_ACTION = (
    "echo 'An error occurred (ValidationError) when calling the CompleteLifecycleAction operation: "
    "No active Lifecycle Action found with instance ID i-0' >&2; exit 254"
)
UNAVAILABLE = "echo 'Could not connect to the endpoint URL' >&2; exit 255"


class Machine:
    """An instance on which the scripts run; `log` is their output."""

    def __init__(self, folder: Path, service: Metadata) -> None:
        (folder / "bin").mkdir()
        self.metadata = service
        self.stubs = Stubs(folder / "bin", "systemctl", "aws")
        self.processes: list[subprocess.Popen[bytes]] = []
        self._log = folder / "log"

    def start(self, script: str, *arguments: str, **variables: str) -> "subprocess.Popen[bytes]":
        environ = {
            "PATH": self.stubs.path,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.metadata.url,
            "AWS_REGION": "eu-central-1",
            "ASG_NAME": "recognition-workers",
            "TERMINATION_HOOK": "drain",
            "POLL_SECONDS": "0.1",
            "RETRY_SECONDS": "0.1",
            **variables,
        }
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [BIN / script, *arguments], env=environ, stdout=log, stderr=log, start_new_session=True
            )
        self.processes.append(process)
        return process

    def watch(self, *units: str, **variables: str) -> "subprocess.Popen[bytes]":
        process = self.start("drain-watch", *(units or [WORKER]), **variables)
        wait_until(lambda: self.metadata.questions > 4, 10, "it polls")
        return process

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def calls(self) -> list[str]:
        """Return the calls of systemctl and aws; of aws only the subcommand."""
        return [call if call.startswith("systemctl") else " ".join(call.split()[:3]) for _, call in self.stubs.calls()]


COMPLETE = "aws autoscaling complete-lifecycle-action"
HEARTBEAT = "aws autoscaling record-lifecycle-action-heartbeat"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with metadata() as service:
        machine = Machine(tmp_path, service)
        yield machine
        for process in machine.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)


def test_scale_in_stops_the_worker_and_completes_the_hook(machine: Machine):
    watch = machine.watch()
    machine.metadata.items[STATE] = "Terminated"
    assert watch.wait(20) == 0, machine.log
    assert machine.calls == [STOP, COMPLETE]
    told = machine.stubs.calls()[-1][1]
    for argument in (
        "--region eu-central-1",
        "--auto-scaling-group-name recognition-workers",
        "--lifecycle-hook-name drain",
        f"--instance-id {INSTANCE}",
        "--lifecycle-action-result CONTINUE",
    ):
        assert argument in told
    assert "the Auto Scaling Group terminates this instance" in machine.log


def test_termination_in_a_warm_pool_is_handled_too(machine: Machine):
    watch = machine.watch()
    machine.metadata.items[STATE] = "Warmed:Terminated"
    assert watch.wait(20) == 0
    assert machine.calls == [STOP, COMPLETE]


def test_a_spot_notice_stops_the_worker(machine: Machine):
    watch = machine.watch(COMPLETE_ATTEMPTS="2")
    machine.stubs.answer("aws", NO_ACTION, NO_ACTION)
    machine.metadata.items[SPOT] = '{"action": "terminate", "time": "2026-01-01T00:00:00Z"}'
    assert watch.wait(20) == 0
    assert machine.calls == [STOP, COMPLETE, COMPLETE]
    assert "AWS interrupts this spot instance" in machine.log


@pytest.mark.parametrize("state", ["InService", "Standby", "Detached", None])
def test_nothing_happens_while_the_instance_is_in_service(machine: Machine, state: str | None):
    machine.metadata.items["events/recommendations/rebalance"] = '{"noticeTime": "2026-01-01T00:00:00Z"}'
    if state:
        machine.metadata.items[STATE] = state
    else:
        del machine.metadata.items[STATE]
    watch = machine.watch()
    before = machine.metadata.questions
    wait_until(lambda: machine.metadata.questions > before + 10, 20, "it polls on")
    assert watch.poll() is None
    assert machine.calls == []


def test_an_unavailable_metadata_service_stops_nothing(machine: Machine):
    watch = machine.watch()
    machine.metadata.unavailable = True
    wait_until(lambda: "the metadata service is unavailable" in machine.log, 20, "it is noticed")
    assert watch.poll() is None
    machine.metadata.unavailable = False
    wait_until(lambda: "the metadata service is available again" in machine.log, 20, "it is noticed")
    assert machine.calls == []
    machine.metadata.items[STATE] = "Terminated"
    assert watch.wait(20) == 0
    assert machine.calls == [STOP, COMPLETE]


def test_completing_the_hook_is_retried(machine: Machine):
    """The hook is inactive until the load balancer has deregistered the instance, and AWS may be unavailable."""
    watch = machine.watch()
    machine.stubs.answer("aws", NO_ACTION, UNAVAILABLE, NO_ACTION, "true")
    machine.metadata.items[STATE] = "Terminated"
    assert watch.wait(20) == 0
    assert machine.calls == [STOP, *[COMPLETE] * 4]
    assert machine.log.count("completed") == 1


def test_a_hook_that_can_not_be_completed_is_left_to_its_time_out(machine: Machine):
    watch = machine.watch(COMPLETE_ATTEMPTS="2")
    machine.stubs.answer("aws", *[UNAVAILABLE] * 20)
    machine.metadata.items[STATE] = "Terminated"
    assert watch.wait(30) == 0
    assert machine.calls == [STOP, *[COMPLETE] * 10]
    assert "it ends by its time-out" in machine.log


def test_the_hook_is_completed_though_a_unit_could_not_be_stopped(machine: Machine):
    watch = machine.watch()
    machine.stubs.answer("systemctl", "exit 1")
    machine.metadata.items[STATE] = "Terminated"
    assert watch.wait(20) == 0
    assert machine.calls == [STOP, COMPLETE]


def test_the_site_first_waits_for_its_last_requests(machine: Machine):
    units = ("recognition-web.service", "recognition-results.service")
    watch = machine.watch(*units, STOP_AFTER_SECONDS="2")
    ended = time.time()
    machine.metadata.items[STATE] = "Terminated"
    assert watch.wait(20) == 0
    assert machine.calls == [f"systemctl stop {' '.join(units)}", COMPLETE]
    assert machine.stubs.calls()[0][0] >= ended + 2


def test_heartbeats_are_sent_while_units_stop(machine: Machine):
    watch = machine.watch(HEARTBEAT_SECONDS="1")
    machine.stubs.answer("systemctl", "sleep 4")
    machine.stubs.answer("aws", NO_ACTION)  # to the first heartbeat
    machine.metadata.items[STATE] = "Terminated"
    assert watch.wait(20) == 0
    assert machine.calls[:2] == [STOP, HEARTBEAT]
    assert 2 <= machine.calls.count(HEARTBEAT) <= 4
    assert machine.calls[-1] == COMPLETE


def test_a_restarted_watch_continues(machine: Machine):
    watch = machine.watch()
    machine.stubs.answer("systemctl", "sleep 60")
    machine.metadata.items[STATE] = "Terminated"
    wait_until(lambda: machine.calls == [STOP], 10, "it stops the worker")
    os.killpg(watch.pid, signal.SIGTERM)
    watch.wait(10)
    assert machine.watch().wait(20) == 0
    assert machine.calls == [STOP, STOP, COMPLETE]


def test_a_missing_variable_is_reported(machine: Machine):
    assert machine.start("drain-watch", WORKER, TERMINATION_HOOK="").wait(10) != 0
    assert "TERMINATION_HOOK" in machine.log


def test_without_a_hook_nothing_is_completed(machine: Machine):
    assert machine.start("complete-lifecycle-action", "").wait(10) == 0
    assert machine.calls == []


def test_a_service_that_starts_again_finds_no_launch_to_complete(machine: Machine):
    machine.stubs.answer("aws", NO_ACTION)
    assert machine.start("complete-lifecycle-action", "ready").wait(10) == 3
    assert machine.calls == [COMPLETE]


def test_a_hook_that_can_not_be_completed_is_a_failure(machine: Machine):
    machine.metadata.unavailable = True
    assert machine.start("complete-lifecycle-action", "ready").wait(10) == 1
    assert "doesn't return the instance id" in machine.log
    assert machine.calls == []
