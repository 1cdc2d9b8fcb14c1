"""The page on the local fleet: what its last minutes were, and why workers came and went."""

import json
from pathlib import Path
from typing import Any

from django.contrib.admin.views.decorators import staff_member_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from project import env

SHOWN_MINUTES = 60
REFRESH_SECONDS = 2


@require_safe
@staff_member_required(login_url="login")
def fleet(request: HttpRequest) -> HttpResponse:
    minutes = _minutes(env.web().fleet_file)
    context = {
        "minutes": minutes[: -SHOWN_MINUTES - 1 : -1],
        "most_waiting": max((minute["visible"] for minute in minutes), default=0) or 1,
        "most_instances": max((minute["in_service"] for minute in minutes), default=0) or 1,
        "decisions": [minute for minute in reversed(minutes) if minute["reason"]][:SHOWN_MINUTES],
        "configured": bool(env.web().fleet_file),
    }
    response = render(request, "classify_app/fleet.html", context)
    if context["configured"]:
        response["Refresh"] = str(REFRESH_SECONDS)
    return response


def _minutes(file: str) -> list[dict[str, Any]]:
    """Return the history that the fleet has written so far, oldest minute first; it is replaced as a whole."""
    if not file or not Path(file).exists():
        return []
    found: list[dict[str, Any]] = json.loads(Path(file).read_text())["minutes"]
    return found
