"""The bare forward pass, the baseline of the benchmarks: the worker's network and threads, and nothing else.

`python -m benchmarks.forward` prints it as JSON. It is a process of its own, because it runs before and after the
system is under load, which needs the memory.
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
    """The cost of a forward pass.

    cpu_ms: CPU time per picture in full batches, on all model threads at once, as under load.
    seconds: duration for a single picture.
    """

    model: str
    weights: str
    engine: str
    precision: str
    cpu_ms: float
    seconds: float

    @property
    def about(self) -> dict[str, str]:
        """The columns of a row that describe the network."""
        return {"model": self.model, "engine": self.engine, "precision": self.precision}


def measured(environ: Mapping[str, str]) -> Forward:
    """Measure in a new process with these environment variables."""
    command = [sys.executable, "-m", "benchmarks.forward"]
    done = subprocess.run(command, env={**environ, "LOG_LEVEL": "WARNING"}, stdout=subprocess.PIPE, check=True)
    return Forward(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    from project import env, logs
    from workers.pipeline import pipeline

    logs.configure()
    # The worker's pipeline, so that memory is configured as in a worker. Only its engine is run.
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
    """Return the CPU seconds per run while all threads run it repeatedly."""
    before = time.process_time()
    runs = run_on_threads(run, threads, SECONDS)
    return (time.process_time() - before) / runs


def run_on_threads(run: Callable[[], Any], threads: int, seconds: float) -> int:
    """Call `run` repeatedly on `threads` threads for `seconds`; return the number of calls."""
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
