"""Measure a worker by itself: its CPU and memory while idle, and the time from its start to its first result."""

import json
import time
from datetime import datetime
from typing import Any

from benchmarks import usage
from benchmarks.stack import groups
from benchmarks.system.database import last_record, wait_until_drained
from benchmarks.system.uploads import send_one
from infra.local.stack import READY_LINE, Stack

SETTLED_SECONDS = 3
LOADED_LINE = "model loaded"


def idle(stack: Stack, seconds: float) -> dict[str, float]:
    """Return an idle worker's share of a core in percent, and its memory."""
    pids = groups(stack)["worker"]
    time.sleep(SETTLED_SECONDS)
    before, started = usage.cpu_seconds(pids), time.perf_counter()
    time.sleep(seconds)
    share = (usage.cpu_seconds(pids) - before) / (time.perf_counter() - started)
    return {"idle_worker_core_percent": round(share * 100, 2), "worker_resident_mb": round(usage.resident_mb(pids), 1)}


def start_up(stack: Stack) -> dict[str, float]:
    """Stop the worker, send a picture and start the worker; return the seconds of each step until the result."""
    stack.supervisor.stopProcess("worker")
    send_one(stack)
    before = len(_lines(stack))
    # Not the process's create_time, which counts from the machine's boot and is up to a second off.
    started = time.time()
    stack.supervisor.startProcess("worker", False)
    wait_until_drained(stack.state)
    finished = time.time()
    logged = {line["event"]: line for line in _lines(stack)[before:]}
    loaded, ready = (_seconds(logged[event]["timestamp"]) for event in (LOADED_LINE, READY_LINE))
    record = last_record(stack.state)
    taken, classified = _seconds(record["started_at"]), _seconds(record["finished_at"])
    load_seconds = logged[LOADED_LINE]["seconds"]
    steps = {
        "start_import_and_aws_s": loaded - load_seconds - started,
        "start_model_load_s": load_seconds,
        "start_warm_up_s": ready - loaded,
        "start_first_receive_s": taken - ready,
        "start_first_picture_s": classified - taken,
        "start_to_first_result_s": finished - started,
    }
    return {name: round(seconds, 3) for name, seconds in steps.items()}


def _lines(stack: Stack) -> list[dict[str, Any]]:
    lines = (stack.logs / "worker.log").read_text(errors="replace").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()
