"""The production example as the real provider plans it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from infra.scaling import policies
from infra.scaling.plan import read_plan
from tests.infra.terraform import Workspace, resources
from tests.system.harness import ROOT

DOCUMENT = ROOT / "docs" / "infrastructure.md"
VARIABLES = {
    "worker_ami_id": "ami-0123456789abcdef0",
    "web_ami_id": "ami-0123456789abcdef1",
    "domain_name": "pictures.example.org",
    "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef",
    "zone_id": "Z0123456789ABCDEFGHIJ",
    "alert_email": "staff@example.org",
    "open_synchronous_routes": True,
}


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory, moto: str) -> dict[str, Any]:
    workspace = Workspace(tmp_path_factory.mktemp("production"), "examples/production", moto)
    workspace.give(**VARIABLES)
    return workspace.plan()


def test_the_document_lists_exactly_the_planned_resources(plan: dict[str, Any]):
    table = DOCUMENT.read_text().partition("| Demand |")[2].partition("\n\n")[0]
    named = re.findall(r"`([a-z]+\.aws_[a-z0-9_]+\.[a-z0-9_]+)`", table)
    planned = {short(found["address"]) for found in resources(plan)}
    assert sorted(named) == sorted(planned)


def short(address: str) -> str:
    """Return MODULE.TYPE.NAME of an address, with `tier` for the module that three others use."""
    without_index = re.sub(r"\[[^]]*\]", "", address)
    return re.sub(r"^(\w+)\.tier\.", "tier.", without_index.replace("module.", "").removeprefix("recognition."))


def planned(plan: dict[str, Any], address: str) -> dict[str, Any]:
    """Return the values of the one resource at a short address."""
    [values] = [one["values"] for one in resources(plan) if short(one["address"]) == address]
    found: dict[str, Any] = values
    return found


def test_the_worker_group_has_1_to_20_instances_and_starts_with_1(plan: dict[str, Any]):
    group = planned(plan, "workers.aws_autoscaling_group.this")
    assert (group["min_size"], group["max_size"], group["desired_capacity"]) == (1, 20, 1)


def test_the_database_is_protected_and_leaves_a_snapshot(plan: dict[str, Any]):
    database = planned(plan, "database.aws_db_instance.this")
    assert (database["deletion_protection"], database["skip_final_snapshot"]) == (True, False)


def test_the_copy_of_the_policies_matches_the_plan(plan: dict[str, Any], tmp_path: Path):
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan))
    assert read_plan(file) == policies.load(), "make it anew: python -m infra.scaling.plan PLAN.json"
