"""The policies side by side on the same traces."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from itertools import repeat
from statistics import mean

from infra.scaling.policies import Fleet
from infra.simulate.scalers import StepScaling, TargetTracking, always_most, foresight, old
from infra.simulate.simulation import Conditions, Outcome, Scaler, simulate
from infra.simulate.worker import Worker
from infra.simulate.workloads import Trace, Workload

OLD, OURS, TRACKING, MOST, FORESIGHT = "old", "ours", "target tracking", "always most", "foresight"
BUILT_IN = (OLD, OURS, TRACKING, MOST, FORESIGHT)
"""The names of the policies that are always compared."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is the same for all policies. target_seconds: the wait that target tracking aims at."""

    worker: Worker
    conditions: Conditions
    target_seconds: float


@dataclass(frozen=True, kw_only=True)
class Figures:
    """A policy on one workload, the mean over its seeds. Waits in seconds."""

    p50: float
    p95: float
    p99: float
    instance_hours: float
    most_instances: float
    decisions: float
    killed: float


def scalers(fleets: Mapping[str, Fleet], trace: Trace, setting: Setting) -> dict[str, Callable[[], Scaler]]:
    """Return the policies to compare, by name; `fleets` are ours, and all others get the first one's group."""
    first = next(iter(fleets.values()))
    group, worker = first.group, setting.worker
    ours: dict[str, Callable[[], Scaler]] = {name: partial(StepScaling, fleet) for name, fleet in fleets.items()}
    return {
        OLD: lambda: old(group),
        **ours,
        TRACKING: lambda: TargetTracking(group, setting.target_seconds * worker.rate, first.warmup(first.out_policy)),
        MOST: lambda: always_most(group),
        FORESIGHT: lambda: foresight(group, trace, worker, setting.conditions.lag_seconds),
    }


def outcomes(fleets: Mapping[str, Fleet], trace: Trace, setting: Setting) -> dict[str, Outcome]:
    """Run every policy on the trace."""
    made = scalers(fleets, trace, setting)
    return {name: simulate(trace, setting.worker, scaler(), setting.conditions) for name, scaler in made.items()}


def figures(outcome: Outcome) -> Figures:
    return Figures(
        p50=outcome.wait(0.50),
        p95=outcome.wait(0.95),
        p99=outcome.wait(0.99),
        instance_hours=outcome.instance_hours,
        most_instances=max(minute.in_service for minute in outcome.minutes),
        decisions=len(outcome.decisions),
        killed=outcome.killed,
    )


def averaged(found: Sequence[Figures]) -> Figures:
    return Figures(**{field.name: mean(getattr(one, field.name) for one in found) for field in fields(Figures)})


def compare(
    fleets: Mapping[str, Fleet], workloads: Sequence[Workload], setting: Setting
) -> dict[str, dict[str, Figures]]:
    """Return figures by workload and policy, the mean over the workload's seeds."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(_compared, repeat(fleets), workloads, repeat(setting)))
    result: dict[str, dict[str, Figures]] = {}
    for name in dict.fromkeys(workload.name for workload in workloads):
        alike = [one for one, workload in zip(found, workloads, strict=True) if workload.name == name]
        result[name] = {policy: averaged([one[policy] for one in alike]) for policy in alike[0]}
    return result


def _compared(fleets: Mapping[str, Fleet], workload: Workload, setting: Setting) -> dict[str, Figures]:
    found = outcomes(fleets, workload.trace(setting.worker.rate), setting)
    return {policy: figures(outcome) for policy, outcome in found.items()}
