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
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

SECONDS = 4.0
WARM_UP_PASSES = 3


class Network(NamedTuple):
    """A network by its name and that of its weights; `run` maps float32 (N, 3, side, side) to logits."""

    model: str
    weights: str
    side: int
    run: Callable[[npt.NDArray[np.float32]], Any]

    def inputs(self, pictures: int) -> npt.NDArray[np.float32]:
        shape = (pictures, 3, self.side, self.side)
        return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


@dataclass(frozen=True)
class Forward:
    """What a forward pass takes.

    cpu_ms: CPU time of one picture in full batches, on all model threads at once, as under load.
    seconds: from beginning to end of one picture alone.
    """

    model: str
    weights: str
    cpu_ms: float
    seconds: float


def measured(environ: Mapping[str, str]) -> Forward:
    """Measure in a process of its own with these variables."""
    done = subprocess.run([sys.executable, "-m", "benchmarks.forward"], env=environ, stdout=subprocess.PIPE, check=True)
    return Forward(**json.loads(done.stdout.splitlines()[-1]))


def network() -> Network:
    """Load the configured network as a worker does."""
    import torch

    from project import env
    from workers import models

    model = models.load(env.worker())

    def run(pictures: npt.NDArray[np.float32]) -> Any:
        torch.set_num_threads(1)
        with torch.inference_mode():
            return model.network(torch.from_numpy(pictures).contiguous(memory_format=torch.channels_last))

    return Network(model.name, model.weights, model.preprocessing.crop, run)


def main() -> None:
    from project import env, logs

    logs.configure()
    loaded, config = network(), env.worker()
    one, full = loaded.inputs(1), loaded.inputs(config.max_batch_size)
    for pictures in (full, one) * WARM_UP_PASSES:
        loaded.run(pictures)
    seconds = _seconds_alone(lambda: loaded.run(one))
    cpu_ms = _cpu_seconds(lambda: loaded.run(full), config.threads) / config.max_batch_size * 1000
    print(json.dumps(asdict(Forward(loaded.model, loaded.weights, round(cpu_ms, 2), round(seconds, 4)))))


def _seconds_alone(run: Callable[[], Any]) -> float:
    taken = []
    until = time.perf_counter() + SECONDS / 2
    while (started := time.perf_counter()) < until:
        run()
        taken.append(time.perf_counter() - started)
    return median(taken)


def _cpu_seconds(run: Callable[[], Any], threads: int) -> float:
    """Return the CPU time of a run while all threads run it over and over."""
    runs = [0] * threads
    until = time.perf_counter() + SECONDS

    def loop(number: int) -> None:
        while time.perf_counter() < until:
            run()
            runs[number] += 1

    before = time.process_time()
    runners = [threading.Thread(target=loop, args=(number,)) for number in range(threads)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    return (time.process_time() - before) / sum(runs)


if __name__ == "__main__":
    main()
