"""The search for steps and thresholds: random candidates, then changes of the best ones, on the training traces."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from itertools import repeat
from random import Random
from typing import Any

from infra.scaling.policies import CHANGE, PERCENT, Fleet, Metric, Step, StepPolicy
from infra.simulate.comparison import Figures, Setting, figures
from infra.simulate.scalers import StepScaling, old
from infra.simulate.simulation import IN_SERVICE, NOT_VISIBLE, VISIBLE, simulate
from infra.simulate.worker import Worker
from infra.simulate.workloads import Trace, Workload

TRAINING = (
    *(Workload(shape, 1) for shape in ("steady", "ramp", "spikes")),
    *(Workload("bursts", seed) for seed in (1, 2, 3)),
)
MOST_HOURS = 1.1
"""The goal: waits below the old policy's, at no more than so many times its instance-hours."""

HOURS_WEIGHT = 20.0
NOTICEABLE_SECONDS = 1.0
"""Waits are compared from here on: nobody minds whether a policy answers in 0.2 or 0.3 s."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A policy by a few numbers, each from a short list; messages are given by the time that a worker takes for them.

    threshold_seconds: backlog per instance at which a fleet grows. drain_seconds: backlog per instance that doubles it.
    first_step: percent for less than that. in_load: messages for which an instance is kept, as a multiple of what a
    fully used one has in flight while nothing waits: by Little's law, its rate times the time of one picture.
    in_margin: instances kept beyond the need. in_step: how many instances may leave at a time.
    """

    threshold_seconds: float
    drain_seconds: float
    first_step: int
    warmup: int
    in_load: float
    in_stat: str
    in_minutes: int
    in_margin: int
    in_step: int


CHOICES: Mapping[str, Sequence[Any]] = {
    "threshold_seconds": (0.03, 1, 2, 5, 10, 20, 40),
    "drain_seconds": (15, 30, 60, 120, 240, 480),
    "first_step": (10, 25, 50, 100),
    "warmup": (0, 60, 120, 180),
    "in_load": (0.4, 0.8, 1.2, 1.6, 2.0, 3.0, 6.0),
    "in_stat": ("Average", "Maximum"),
    "in_minutes": (2, 3, 5, 10, 15),
    "in_margin": (0, 1),
    "in_step": (1, 2, 4, 16),
}


def fleet(candidate: Candidate, base: Fleet, worker: Worker) -> Fleet:
    """Return the policy that the candidate's numbers say, with the names and the group of `base`."""
    threshold = max(1, round(candidate.threshold_seconds * worker.rate))
    doubled = max(threshold + 1, round(candidate.drain_seconds * worker.rate)) - threshold
    bounds = [0.0, doubled, 2 * doubled, 4 * doubled, 8 * doubled, None]
    percents = [candidate.first_step, 100, 200, 400, 1900]
    out_steps = zip(bounds, bounds[1:], percents, strict=False)
    kept_for = max(1, round(candidate.in_load * worker.rate * worker.lone_seconds))
    return replace(
        base,
        group=replace(base.group, default_instance_warmup=candidate.warmup),
        held_messages=kept_for,
        out_alarm=replace(base.out_alarm, threshold=float(threshold)),
        out_policy=StepPolicy(
            adjustment_type=PERCENT,
            min_adjustment_magnitude=1,
            steps=tuple(Step(lower=low, upper=high, adjustment=change) for low, high, change in out_steps),
            warmup=candidate.warmup,
        ),
        in_alarm=replace(
            base.in_alarm,
            expression=f"IF(m_visible >= 0, CEIL((m_visible + m_inflight) / {kept_for}) - ({_INSTANCES} - 1))",
            metrics=tuple(_in_metrics(candidate)),
            threshold=float(-candidate.in_margin),
        ),
        in_policy=replace(base.in_policy, adjustment_type=CHANGE, steps=tuple(_in_steps(candidate.in_step))),
    )


_INSTANCES = "IF(FILL(m_inservice, REPEAT) > 0, FILL(m_inservice, REPEAT), 1)"


def _in_metrics(candidate: Candidate) -> Iterator[Metric]:
    for id, name, stat in (
        ("m_inflight", NOT_VISIBLE, candidate.in_stat),
        ("m_inservice", IN_SERVICE, "Minimum"),
        ("m_visible", VISIBLE, candidate.in_stat),
    ):
        yield Metric(id=id, name=name, stat=stat, period=60 * candidate.in_minutes)


def _in_steps(most: int) -> Iterator[Step]:
    """Yield steps that take away no more than the surplus: it is one more than the distance from the threshold."""
    sizes = [size for size in (16, 8, 4, 2, 1) if size <= most]
    lower = None
    for size in sizes:
        upper = float(1 - size)
        yield Step(lower=lower, upper=upper, adjustment=-size)
        lower = upper


def search(base: Fleet, setting: Setting, candidates: int, seed: int) -> tuple[Candidate, float]:
    """Return the best candidate found and its score: half of them random, half changes of the best until then."""
    random = Random(seed)  # noqa: S311 -- no secret
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        before = dict(zip(TRAINING, pool.map(_old, repeat(base), TRAINING, repeat(setting)), strict=True))
        scores: dict[Candidate, float] = {}

        def try_all(chosen: Sequence[Candidate]) -> None:
            new = [one for one in dict.fromkeys(chosen) if one not in scores]
            found = pool.map(_score, new, repeat(base), repeat(before), repeat(setting))
            scores.update(zip(new, found, strict=True))

        try_all([_random(random) for _ in range(candidates // 2)])
        while len(scores) < candidates:
            best = sorted(scores, key=scores.__getitem__)[:4]
            try_all([_changed(random.choice(best), random) for _ in range(min(8, candidates - len(scores)))])
    best_of_all = min(scores, key=scores.__getitem__)
    return best_of_all, scores[best_of_all]


def _random(random: Random) -> Candidate:
    return Candidate(**{name: random.choice(choices) for name, choices in CHOICES.items()})


def _changed(candidate: Candidate, random: Random) -> Candidate:
    names = random.sample(list(CHOICES), random.choice([1, 1, 2]))
    return Candidate(**{**asdict(candidate), **{name: random.choice(CHOICES[name]) for name in names}})


@lru_cache(maxsize=len(TRAINING))
def _trace(workload: Workload, rate: float) -> Trace:
    return workload.trace(rate)


def _old(base: Fleet, workload: Workload, setting: Setting) -> Figures:
    trace = _trace(workload, setting.worker.rate)
    return figures(simulate(trace, setting.worker, old(base.group), setting.conditions))


def _score(candidate: Candidate, base: Fleet, before: Mapping[Workload, Figures], setting: Setting) -> float:
    """Return how waits compare with the old policy's, plus a penalty for more hours than it takes; a mean over traces.

    In logarithms, so that half and double weigh the same; lower is better.
    """
    total = 0.0
    for workload, old_figures in before.items():
        trace = _trace(workload, setting.worker.rate)
        scaler = StepScaling(fleet(candidate, base, setting.worker))
        found = figures(simulate(trace, setting.worker, scaler, setting.conditions))
        waits = math.log((found.p95 + NOTICEABLE_SECONDS) / (old_figures.p95 + NOTICEABLE_SECONDS))
        hours = math.log(found.instance_hours / old_figures.instance_hours)
        total += waits + HOURS_WEIGHT * max(0.0, hours - math.log(MOST_HOURS)) + 0.2 * hours
    return total / len(before)


def described(candidate: Candidate) -> list[tuple[str, str]]:
    return [(field.name, str(getattr(candidate, field.name))) for field in fields(Candidate)]
