"""`manage.py scaling_log`: why the workers of a stack in AWS grew and shrank."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from project import env

ALARM = re.compile(r"monitor alarm (?P<alarm>\S+) in state ALARM triggered policy (?P<policy>\S+)")
CHANGE = re.compile(r"(?:desired capacity|capacity) from (?P<before>\d+) to (?P<after>\d+)")


class Command(BaseCommand):
    help = (
        "Say why the workers of a stack in AWS grew and shrank: the activities of their Auto Scaling Group, each with "
        "the value of the alarm that caused it. Needs credentials that allow autoscaling:DescribeScalingActivities and "
        "cloudwatch:DescribeAlarmHistory, which the site's own role does not have: run it with an operator's."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--group", default="recognition-workers", help="the Auto Scaling Group (default: %(default)s)"
        )
        parser.add_argument("--hours", type=float, default=24, help="how far back (default: %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        since = timezone.now() - timedelta(hours=options["hours"])
        try:
            found = list(activities(options["group"], since))
            values = {name: alarm_values(name, since) for name in {alarm_of(one) for one in found} if name}
        except (ClientError, BotoCoreError, ResponseParserError) as error:
            raise CommandError(f"AWS does not say: {error}") from error
        if not found:
            self.stdout.write(f"{options['group']} did nothing in the last {options['hours']:g} hours.")
        for activity in found:
            self.stdout.write(sentence(activity, values))


def activities(group: str, since: datetime) -> Iterator[dict[str, Any]]:
    """Yield what the group did since then, oldest first."""
    pages = _client("autoscaling").get_paginator("describe_scaling_activities").paginate(AutoScalingGroupName=group)
    found = [activity for page in pages for activity in page["Activities"] if activity["StartTime"] >= since]
    yield from sorted(found, key=lambda activity: activity["StartTime"])


def alarm_values(alarm: str, since: datetime) -> list[tuple[datetime, float]]:
    """Return when the alarm went off, oldest first, and at which value."""
    pages = (
        _client("cloudwatch")
        .get_paginator("describe_alarm_history")
        .paginate(AlarmName=alarm, HistoryItemType="StateUpdate", StartDate=since - timedelta(hours=1))
    )
    found = [(item["Timestamp"], _value(item["HistoryData"])) for page in pages for item in page["AlarmHistoryItems"]]
    return sorted((at, value) for at, value in found if value is not None)


def alarm_of(activity: dict[str, Any]) -> str | None:
    found = ALARM.search(activity["Cause"])
    return found["alarm"] if found else None


def sentence(activity: dict[str, Any], values: dict[str, list[tuple[datetime, float]]]) -> str:
    """Return when, why, from how many to how many, and what came of it."""
    change = CHANGE.search(activity["Cause"])
    parts = [f"{activity['StartTime']:%Y-%m-%d %H:%M:%S}"]
    alarm = alarm_of(activity)
    if alarm:
        before = [value for at, value in values[alarm] if at <= activity["StartTime"]]
        parts.append(f"{alarm} at {before[-1]:g}" if before else f"{alarm}, whose value AWS keeps no more")
    else:
        parts.append(activity["Cause"].split(".")[0])
    if change:
        parts.append(f"{change['before']} -> {change['after']}")
    parts.append(f"{activity['Description']}: {activity['StatusCode']}")
    return "  ".join(parts)


def _value(history_data: str) -> float | None:
    """Return the value at which an alarm went into ALARM, None for other changes."""
    state = json.loads(history_data)["newState"]
    if state["stateValue"] != "ALARM":
        return None
    points = state.get("stateReasonData", {}).get("recentDatapoints", [])
    return float(points[-1]) if points else None


def _client(service: str) -> Any:
    return boto3.client(service, region_name=env.common().aws_region)
