"""Measure one engine in its own process: forward passes and whole pipelines alternate, on the same number of threads.

`python -m benchmarks.engine.measure` prints the result as JSON. The worker's variables choose the engine.
"""

import json
import resource
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import cycle, islice

import numpy as np

from benchmarks.forward import run_on_threads
from infra.local.photographs import photographs
from project import env, logs
from workers.engines import Engine
from workers.pipeline import Pipeline, load

ROUNDS = 5
FORWARD_SECONDS = 2.0
PICTURES = 120  # through the pipeline in each round


@dataclass(frozen=True)
class Cost:
    """The cost of a picture: CPU time of all threads together, and pictures per second."""

    cpu_ms: float
    images_per_s: float


@dataclass(frozen=True)
class Measured:
    """The costs of each round, and the process's peak memory."""

    engine: str
    precision: str
    forward: list[Cost]
    pipeline: list[Cost]
    resident_mb: float


def forward(engine: Engine, batch_size: int, threads: int, seconds: float = FORWARD_SECONDS) -> Cost:
    """Run only the network, repeatedly, on as many threads as a worker has."""
    side = engine.model.preprocessing.crop
    batch = np.random.default_rng(0).standard_normal((batch_size, 3, side, side), np.float32)
    return cost(lambda: run_on_threads(lambda: engine.logits(batch), threads, seconds) * batch_size)


def whole(pipeline: Pipeline, contents: list[bytes], threads: int) -> Cost:
    """Run pictures through the pipeline, as many at a time as a worker holds."""

    def run() -> int:
        with ThreadPoolExecutor(threads) as holders:
            return len(list(holders.map(pipeline.classify, contents)))

    return cost(run)


def cost(run: Callable[[], int]) -> Cost:
    """Return the cost per picture of `run`, which returns the number of pictures."""
    started, cpu_started = time.perf_counter(), time.process_time()
    pictures = run()
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    return Cost(cpu_seconds / pictures * 1000, pictures / seconds)


def main() -> None:
    logs.configure()
    config = env.worker()
    pipeline = load(config)
    engine = pipeline.classifier.engine
    pipeline.warm_up()
    contents = [path.read_bytes() for path in islice(cycle(photographs()), PICTURES)]
    whole(pipeline, contents[: len(contents) // 4], config.held_messages)
    forwards, wholes = [], []
    for _ in range(ROUNDS):
        forwards.append(forward(engine, config.max_batch_size, config.threads))
        wholes.append(whole(pipeline, contents, config.held_messages))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps(asdict(Measured(engine.name, engine.precision, forwards, wholes, peak_mb))))


if __name__ == "__main__":
    main()
