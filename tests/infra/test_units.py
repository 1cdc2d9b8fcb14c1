"""The systemd units: systemd finds nothing wrong, they run what the local stack runs, and use what instances have."""

import asyncio
import os
import re
import shlex
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from infra.local.stack import Process, processes
from project import env
from tests.infra import tools
from tests.system.harness import ROOT

AMI = ROOT / "infra" / "ami"
SYSTEMD = AMI / "systemd"
TIERS = {"worker": ("worker",), "web": ("web",), "flower": ("flower",), "worker with a GPU": ("worker", "gpu")}
UNITS = sorted(path for tier in ("worker", "web", "flower") for path in (SYSTEMD / tier).glob("*.service"))
TOLD = {"AWS_REGION", "ASG_NAME", "LAUNCH_HOOK", "TERMINATION_HOOK"}
TOLD_WEB = {"SECRET_ARN", "DATABASE_HOST", "DATABASE_NAME", "DATABASE_USER", "VPC_CIDR"}
"""What Terraform writes into an instance's environment besides what project.env reads."""

IDLE_SECONDS = 400
"""How long the load balancer keeps an idle connection, and waits for an answer."""


class Settings(dict[str, list[str]]):
    """A unit's settings; one that is set twice has two values."""

    def __init__(self, unit: Path) -> None:
        super().__init__()
        for line in unit.read_text().splitlines():
            if "=" in line and not line.startswith("#"):
                name, _, value = line.partition("=")
                self.setdefault(name, []).append(value)

    def command(self) -> list[str]:
        [command] = self["ExecStart"]
        return shlex.split(command)

    def seconds(self, name: str) -> int:
        [seconds] = self[name]
        return int(seconds)


def service(name: str) -> Settings:
    [unit] = [unit for unit in UNITS if unit.name == f"recognition-{name}.service"]
    return Settings(unit)


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


@pytest.mark.parametrize("tier", TIERS)
def test_systemd_finds_nothing_wrong(tier: str, tmp_path: Path):
    verified = verify(TIERS[tier], tmp_path)
    assert (verified.stderr, verified.stdout, verified.returncode) == ("", "", 0)


@pytest.mark.parametrize("broken", ["recognition-worker.service", "recognition-.service.d/10-hardening.conf"])
def test_systemd_finds_a_mistake(broken: str, tmp_path: Path):
    verified = verify(TIERS["worker"], tmp_path, broken)
    assert "Unknown key 'NoNewPrivilege'" in verified.stderr


def verify(folders: tuple[str, ...], tmp_path: Path, broken: str = "") -> "subprocess.CompletedProcess[str]":
    """Let systemd look at a tier's units, with what they start put where they then look for it."""
    installed, units = tmp_path / "opt", tmp_path / "units"
    for folder in ("common", *folders):
        shutil.copytree(SYSTEMD / folder, units, dirs_exist_ok=True)
    for program in (*(f"bin/{script.name}" for script in (AMI / "bin").iterdir()), "venv/bin/python"):
        (installed / program).parent.mkdir(parents=True, exist_ok=True)
        (installed / program).write_text("#!/bin/sh\n")
        (installed / program).chmod(0o755)
    for unit in filter(Path.is_file, units.rglob("*")):
        unit.write_text(unit.read_text().replace("/opt/recognition", str(installed)))
    if broken:
        with (units / broken).open("a") as file:
            file.write("NoNewPrivilege=yes\n")
    command = [tools.program("systemd-analyze"), "verify", "--man=no", *map(str, units.glob("*.*[te]"))]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def local_processes(**variables: str) -> list[Process]:
    return processes(env.read(env.Local, {}), {**os.environ, **variables})


def test_every_process_of_the_local_stack_has_its_unit_and_runs_the_same_way():
    for process in local_processes():
        ours, theirs = service(process.name).command()[1:], shlex.split(process.command)[1:]
        if process.name == "web":
            # It listens to other addresses, and ends more slowly.
            ours, theirs = (
                (command[:3], option(command, "--lifespan"), "--no-access-log" in command) for command in (ours, theirs)
            )
        assert ours == theirs, process.name


def test_each_target_starts_the_services_of_its_tier():
    for tier in ("worker", "web", "flower"):
        target = Settings(SYSTEMD / tier / f"recognition-{tier}.target")
        wanted = set(" ".join(target["Wants"]).split())
        started = {unit.name for unit in (SYSTEMD / tier).glob("*.service")}
        needed = {"recognition-secrets.service", "recognition-migrate.service"} & started
        assert wanted == started - needed | {"amazon-cloudwatch-agent.service"}
        assert target["WantedBy"] == ["multi-user.target"]


def test_database_services_start_after_the_migration_and_with_the_secrets():
    assert service("migrate")["Requires"] == ["recognition-secrets.service"]
    for name in ("web", "results", "dead-letters", "sweeper"):
        needed = {"recognition-secrets.service", "recognition-migrate.service"}
        assert set(service(name)["Requires"][0].split()) == needed
        assert needed <= set(" ".join(service(name)["After"]).split())
        assert "/run/recognition/secrets.env" in service(name)["EnvironmentFile"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: f"{unit.parent.name}-{unit.stem}")
def test_every_service_has_its_own_log_and_long_running_ones_are_restarted(unit: Path):
    settings = Settings(unit)
    assert settings["StandardOutput"] == [f"append:/var/log/recognition/{unit.stem.removeprefix('recognition-')}.log"]
    assert settings["StandardError"] == ["inherit"]
    if settings["Type"] == ["oneshot"]:
        assert settings["RemainAfterExit"] == ["yes"]
    elif unit.stem == "recognition-drain":
        assert settings["Restart"] == ["on-failure"]  # Its end is that of the instance.
    else:
        assert settings["Restart"] == ["always"]
        assert settings["StartLimitIntervalSec"] == ["0"]
        assert settings["User"] == ["recognition"]


def test_units_and_scripts_use_only_variables_of_the_instance():
    used = {unit: set(re.findall(r"\$\{([A-Z_]+)\}", unit.read_text())) for unit in UNITS}
    assert {unit.stem for unit, names in used.items() if names} == {"recognition-worker", "recognition-web"}
    for unit, names in used.items():
        assert names <= TOLD | (TOLD_WEB if unit.parent.name == "web" else set())
    for script in ("drain-watch", "complete-lifecycle-action", "imds"):
        text = (AMI / "bin" / script).read_text()
        required = set(re.findall(r"\$\{?([A-Z_]{4,})(?!.*:-)", text)) - set(re.findall(r"\$\{([A-Z_]+):-", text))
        assert required <= TOLD | {"HOME", "SECONDS"}, script
    from_the_script = re.search(r"REQUIRED = \((.+)\)", (AMI / "bin" / "fetch-secrets").read_text())
    assert from_the_script
    assert set(re.findall("[A-Z_]+", from_the_script[1])) <= TOLD | TOLD_WEB | {"RUNTIME_DIRECTORY"}


def test_a_stopping_worker_has_time_to_drain():
    drain = int(env.Worker.__dataclass_fields__["drain_seconds"].metadata["default"])
    poll = int(env.Aws.__dataclass_fields__["long_poll_seconds"].metadata["default"])
    assert drain + poll < service("worker").seconds("TimeoutStopSec") < 300  # the hook's time-out


@pytest.mark.parametrize(("drain", "poll"), [(60, 2), (300, 20)])
def test_a_stopping_worker_of_the_local_stack_has_time_to_drain(drain: int, poll: int):
    started = local_processes(DRAIN_SECONDS=str(drain), LONG_POLL_SECONDS=str(poll))
    [worker] = [process for process in started if process.name == "worker"]
    assert drain + poll < worker.stop_seconds


def test_a_stopping_site_has_time_to_finish_waiting_requests():
    web = service("web")
    graceful = int(option(web.command(), "--timeout-graceful-shutdown"))
    waits = env.Web.__dataclass_fields__["sync_wait_seconds"].metadata["default"]
    assert int(waits) < graceful < web.seconds("TimeoutStopSec") < 600 - 30  # the hook's time-out, less the first wait
    assert int(option(web.command(), "--timeout-keep-alive")) > IDLE_SECONDS
    assert "recognition-results.service" in " ".join(web["After"]).split()  # and so stops before it


@pytest.mark.parametrize(
    ("proxy", "scheme"), [("10.20.255.254", "https"), ("10.21.0.1", "http"), ("203.0.113.9", "http")]
)
def test_only_proxies_in_the_network_are_trusted(proxy: str, scheme: str):
    """uvicorn takes a network, as VPC_CIDR is one, for --forwarded-allow-ips."""
    assert option(service("web").command(), "--forwarded-allow-ips") == "${VPC_CIDR}"
    seen: list[Any] = []

    async def site(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["scheme"])

    scope: Any = {"type": "http", "scheme": "http", "client": (proxy, 1), "headers": [(b"x-forwarded-proto", b"https")]}
    asyncio.run(ProxyHeadersMiddleware(site, "10.20.0.0/16")(scope, None, None))  # type: ignore[arg-type]
    assert seen == [scheme]


def test_flower_listens_on_its_own_machine_only():
    assert "--address=127.0.0.1" in service("flower").command()


def test_hardening_applies_to_every_service():
    parser = RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(SYSTEMD / "common" / "recognition-.service.d" / "10-hardening.conf")
    hardening = parser["Service"]
    for name in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices"):
        assert hardening[name] == "yes"
    assert hardening["ProtectSystem"] == "strict"
    assert not {name for unit in UNITS for name in Settings(unit)} & (set(hardening) - {"WorkingDirectory"})
