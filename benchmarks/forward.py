"""The bare forward pass, which all else is compared with: the worker's own network and threads, and nothing around it.

`python -m benchmarks.forward` prints it as JSON, from a process of its own, since it is measured before and after
the system under load, which needs the memory.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np

SECONDS = 4.0
WARM_UP_PASSES = 3


@dataclass(frozen=True)
class Forward:
    """What a forward pass takes.

    cpu_ms: CPU time of one picture in full batches, on all model threads at once, as under load.
    seconds: from beginning to end of one picture alone.
    """

    model: str
    weights: str
    engine: str
    precision: str
    cpu_ms: float
    seconds: float

    @property
    def about(self) -> dict[str, str]:
        """What a row says of the network."""
        return {"model": self.model, "engine": self.engine, "precision": self.precision}


def measured(environ: Mapping[str, str]) -> Forward:
    """Measure in a process of its own with these variables."""
    command = [sys.executable, "-m", "benchmarks.forward"]
    done = subprocess.run(command, env={**environ, "LOG_LEVEL": "WARNING"}, stdout=subprocess.PIPE, check=True)
    return Forward(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    from project import env, logs
    from workers.pipeline import pipeline

    logs.configure()
    # The worker's own, so that the process keeps memory as a worker does; nothing of it but the engine is run.
    engine, config = pipeline().classifier.engine, env.worker()
    side = engine.model.preprocessing.crop
    full = np.random.default_rng(0).standard_normal((config.max_batch_size, 3, side, side), dtype=np.float32)
    for batch in (full, full[:1]) * WARM_UP_PASSES:
        engine.logits(batch)
    seconds = _seconds_alone(lambda: engine.logits(full[:1]))
    cpu_ms = _cpu_seconds(lambda: engine.logits(full), config.threads) / config.max_batch_size * 1000
    model = engine.model
    found = Forward(model.name, model.weights, engine.name, engine.precision, round(cpu_ms, 2), round(seconds, 4))
    print(json.dumps(asdict(found)))


def _seconds_alone(run: Callable[[], Any]) -> float:
    taken = []
    until = time.perf_counter() + SECONDS / 2
    while (started := time.perf_counter()) < until:
        run()
        taken.append(time.perf_counter() - started)
    return median(taken)


def _cpu_seconds(run: Callable[[], Any], threads: int) -> float:
    """Return the CPU time of a run while all threads run it over and over."""
    before = time.process_time()
    runs = run_on_threads(run, threads, SECONDS)
    return (time.process_time() - before) / runs


def run_on_threads(run: Callable[[], Any], threads: int, seconds: float) -> int:
    """Run over and over on so many threads for so long; return how often."""
    runs = [0] * threads
    until = time.perf_counter() + seconds

    def loop(number: int) -> None:
        while time.perf_counter() < until:
            run()
            runs[number] += 1

    runners = [threading.Thread(target=loop, args=(number,)) for number in range(threads)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    return sum(runs)


if __name__ == "__main__":
    main()
