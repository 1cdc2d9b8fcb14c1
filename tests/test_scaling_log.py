"""`python -m infra.scaling_log`: activities of the group in AWS's own words, joined with the alarm's values."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.stub import Stubber
from typer.testing import CliRunner

from infra import scaling_log
from tests.environment import AWS_URL

GROUP = "recognition-workers"
CAUSE = (
    "At 2026-11-24T18:02:10Z a monitor alarm recognition-backlog-high in state ALARM triggered policy "
    "backlog-scale-out changing the desired capacity from 3 to 6.  At 2026-11-24T18:02:18Z an instance was started in "
    "response to a difference between desired and actual capacity, increasing the capacity from 3 to 6."
)


def activity(at: datetime, cause: str) -> dict[str, object]:
    return {
        "ActivityId": "1",
        "AutoScalingGroupName": GROUP,
        "Description": "Launching a new EC2 instance: i-0123456789abcdef0",
        "Cause": cause,
        "StartTime": at,
        "StatusCode": "Successful",
    }


def change(at: datetime, state: str, *values: float) -> dict[str, object]:
    """An alarm's change of state; one that was set by hand has no values."""
    reason = {"stateReasonData": {"recentDatapoints": values}} if values else {}
    data = {"version": "1.0", "newState": {"stateValue": state, **reason}}
    return {
        "AlarmName": "recognition-backlog-high",
        "Timestamp": at,
        "HistoryItemType": "StateUpdate",
        "HistoryData": json.dumps(data),
    }


@pytest.fixture
def aws(monkeypatch):
    """Clients whose answers are given beforehand."""
    stubs = {}
    for service in ("autoscaling", "cloudwatch"):
        client = boto3.client(service, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any")
        stubs[service] = Stubber(client)
        stubs[service].activate()
    monkeypatch.setattr(scaling_log, "_client", lambda service: stubs[service].client)
    return stubs


def run(*options: str) -> tuple[int, str]:
    """Return the exit status and what is printed."""
    done = CliRunner().invoke(scaling_log.cli, options)
    return done.exit_code, done.output


AT = datetime.now(UTC) - timedelta(minutes=5)
WENT_OFF = [
    change(AT + timedelta(minutes=1), "OK", 0),
    change(AT - timedelta(seconds=9), "ALARM", 120.5),
    change(AT - timedelta(minutes=20), "ALARM", 2),
]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (WENT_OFF, "went off at 120.5, just before"),
        (WENT_OFF[2:], "went off at 2, 20 min before"),
        ([change(AT - timedelta(minutes=3), "ALARM"), *WENT_OFF[2:]], "went off, 3 min before"),
        (WENT_OFF[:1], "went off longer ago than was looked at or AWS keeps"),
    ],
)
def test_an_activity_is_shown_with_its_alarms_time_and_value(aws, changes, reason):
    aws["autoscaling"].add_response("describe_scaling_activities", {"Activities": [activity(AT, CAUSE)]})
    aws["cloudwatch"].add_response("describe_alarm_history", {"AlarmHistoryItems": changes})
    told = f"{AT:%Y-%m-%d %H:%M:%S}  recognition-backlog-high {reason}  3 -> 6  "
    assert run() == (0, f"{told}Launching a new EC2 instance: i-0123456789abcdef0: Successful\n")


def test_an_activity_without_an_alarm_is_shown_with_awss_text(aws):
    at = datetime.now(UTC) - timedelta(hours=1)
    cause = "At 2026-11-24T17:00:00Z an instance was taken out of service in response to an EC2 health check. More."
    activities = [activity(at, cause), activity(at - timedelta(days=2), CAUSE)]
    aws["autoscaling"].add_response("describe_scaling_activities", {"Activities": activities})
    status, said = run()
    assert status == 0
    assert "taken out of service in response to an EC2 health check  Launching" in said
    assert said.count("\n") == 1


def test_a_group_that_did_nothing(aws):
    aws["autoscaling"].add_response("describe_scaling_activities", {"Activities": []})
    assert run("--group", "x-workers", "--hours", "2") == (0, "x-workers did nothing in the last 2 hours.\n")


def test_an_aws_error_is_explained(aws):
    aws["autoscaling"].add_client_error("describe_scaling_activities", "AccessDenied", "not authorized", 403)
    status, said = run()
    assert status == 1
    assert said.startswith("AWS does not say: ")
    assert "not authorized" in said


def test_an_emulator_without_groups_is_explained_without_the_sites_secrets(emulator):
    environ = {"AWS_ENDPOINT_URL": AWS_URL, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    done = subprocess.run(
        [sys.executable, "-m", "infra.scaling_log"], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "AWS does not say: " in done.stderr
