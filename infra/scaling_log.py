"""Why the workers of a stack in AWS grew and shrank: `python -m infra.scaling_log`, from a checkout."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from project import env

ALARM = re.compile(r"monitor alarm (?P<alarm>\S+) in state ALARM triggered policy (?P<policy>\S+)")
CHANGE = re.compile(r"(?:desired capacity|capacity) from (?P<before>\d+) to (?P<after>\d+)")
LOOK_BACK = timedelta(hours=1)
"""How long before the activities their alarms' histories are read from."""

cli = typer.Typer(add_completion=False)


@cli.command()
def main(
    group: Annotated[str, typer.Option(help="The Auto Scaling Group.")] = "recognition-workers",
    hours: Annotated[float, typer.Option(help="How far back.")] = 24,
) -> None:
    """Say why the workers of a stack in AWS grew and shrank.

    It prints the activities of their Auto Scaling Group, each with when its alarm went off and at which value.

    It needs an operator's credentials, which allow autoscaling:DescribeScalingActivities and
    cloudwatch:DescribeAlarmHistory; the site's own role has neither. AWS_REGION names the region.
    """
    since = datetime.now(UTC) - timedelta(hours=hours)
    try:
        found = list(activities(group, since))
        alarms = {name: went_off(name, since - LOOK_BACK) for name in {alarm_of(one) for one in found} if name}
    except (ClientError, BotoCoreError, ResponseParserError) as error:
        raise SystemExit(f"AWS does not say: {error}") from error
    if not found:
        print(f"{group} did nothing in the last {hours:g} hours.")
    for activity in found:
        print(sentence(activity, alarms))


def activities(group: str, since: datetime) -> Iterator[dict[str, Any]]:
    """Yield what the group did since then, oldest first."""
    pages = _client("autoscaling").get_paginator("describe_scaling_activities").paginate(AutoScalingGroupName=group)
    found = [activity for page in pages for activity in page["Activities"] if activity["StartTime"] >= since]
    yield from sorted(found, key=lambda activity: activity["StartTime"])


def went_off(alarm: str, since: datetime) -> list[tuple[datetime, float | None]]:
    """Return when the alarm went off since then, oldest first, and at which value, None where AWS doesn't say."""
    pages = (
        _client("cloudwatch")
        .get_paginator("describe_alarm_history")
        .paginate(AlarmName=alarm, HistoryItemType="StateUpdate", StartDate=since)
    )
    items = sorted((item for page in pages for item in page["AlarmHistoryItems"]), key=lambda item: item["Timestamp"])
    changes = [(item["Timestamp"], json.loads(item["HistoryData"])["newState"]) for item in items]
    return [(at, _value(state)) for at, state in changes if state["stateValue"] == "ALARM"]


def alarm_of(activity: dict[str, Any]) -> str | None:
    found = ALARM.search(activity["Cause"])
    return found["alarm"] if found else None


def sentence(activity: dict[str, Any], alarms: dict[str, list[tuple[datetime, float | None]]]) -> str:
    """Return when, why, from how many to how many, and what came of it."""
    change = CHANGE.search(activity["Cause"])
    alarm = alarm_of(activity)
    parts = [
        f"{activity['StartTime']:%Y-%m-%d %H:%M:%S}",
        _reason(alarm, activity["StartTime"], alarms[alarm]) if alarm else activity["Cause"].split(".")[0],
    ]
    if change:
        parts.append(f"{change['before']} -> {change['after']}")
    parts.append(f"{activity['Description']}: {activity['StatusCode']}")
    return "  ".join(parts)


def _reason(alarm: str, at: datetime, changes: list[tuple[datetime, float | None]]) -> str:
    """Return when the alarm last went off before `at`: its policy acts each minute while it lasts."""
    before = [change for change in changes if change[0] <= at]
    if not before:
        return f"{alarm} went off longer ago than was looked at or AWS keeps"
    when, value = before[-1]
    minutes = round((at - when) / timedelta(minutes=1))
    at_value = "" if value is None else f" at {value:g}"
    return f"{alarm} went off{at_value}, {f'{minutes} min' if minutes else 'just'} before"


def _value(state: dict[str, Any]) -> float | None:
    """Return the value at which an alarm went off; one that was set by hand has none."""
    points = state.get("stateReasonData", {}).get("recentDatapoints", [])
    return float(points[-1]) if points else None


def _client(service: str) -> Any:
    return boto3.client(service, region_name=env.common().aws_region)


if __name__ == "__main__":
    cli()
