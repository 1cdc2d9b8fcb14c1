"""Resource usage: CPU seconds and memory of processes and their descendants."""

from collections.abc import Iterable, Mapping

import psutil


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU time of processes and their descendants, including those that have ended and been waited for."""
    seconds = 0.0
    for process in _trees(pids):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


def cpu_by_group(groups: Mapping[str, Iterable[int]]) -> dict[str, float]:
    return {name: cpu_seconds(pids) for name, pids in groups.items()}


def difference(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {name: after[name] - before[name] for name in after}


def resident_mb(pids: Iterable[int]) -> float:
    """Return the memory of processes and their descendants. Shared memory counts once per process."""
    megabytes = 0.0
    for process in _trees(pids):
        try:
            megabytes += process.memory_info().rss / 1e6
        except psutil.NoSuchProcess:
            continue
    return megabytes


def _trees(pids: Iterable[int]) -> set[psutil.Process]:
    found: set[psutil.Process] = set()
    for pid in pids:
        try:
            root = psutil.Process(pid)
            found |= {root, *root.children(recursive=True)}
        except psutil.NoSuchProcess:
            continue
    return found
