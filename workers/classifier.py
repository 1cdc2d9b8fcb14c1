"""The classifier: from a batch of preprocessed pictures to the most likely labels of each, with any engine."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from project.contract import Prediction
from workers.engines import Engine
from workers.preprocess import Input

TOP_K = 5


class Classifier:
    """Classifies batches with an engine. Thread-safe: each thread runs its own forward pass."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.model = engine.model

    def classify(self, batch: Sequence[Input]) -> list[tuple[Prediction, ...]]:
        """Return the TOP_K most likely labels of each picture, best first, with their softmax probabilities.

        batch: float32, each (3, height, width).
        """
        return [self._likeliest(probabilities) for probabilities in self.probabilities(batch)]

    def probabilities(self, batch: Sequence[Input]) -> npt.NDArray[np.float64]:
        """Return the probability of each label for each picture: float64, (N, labels).

        Pictures of the same size share a forward pass.
        """
        found = np.empty((len(batch), len(self.model.labels)))
        sizes = {picture.shape for picture in batch}
        for size in sizes:
            positions = [position for position, picture in enumerate(batch) if picture.shape == size]
            found[positions] = softmax(self.engine.logits(np.stack([batch[position] for position in positions])))
        return found

    def _likeliest(self, probabilities: npt.NDArray[np.float64]) -> tuple[Prediction, ...]:
        best = np.argpartition(probabilities, -TOP_K)[-TOP_K:]
        ordered = best[np.argsort(-probabilities[best], kind="stable")]
        labels = self.model.labels
        return tuple(Prediction(labels[i], int(i), round(float(probabilities[i]), 6)) for i in ordered)

    def warm_up(self, max_batch_size: int, threads: int) -> float:
        """Run a full batch, which is slow the first time; return the longest time in seconds.

        It runs on `threads` threads at the same time, as under load. Other sizes are then at most a few milliseconds
        slower the first time.
        """
        side = self.model.preprocessing.crop
        batch = np.zeros((max_batch_size, 3, side, side), np.float32)

        def run(_: int) -> float:
            started = time.monotonic()
            self.engine.logits(batch)
            return time.monotonic() - started

        with ThreadPoolExecutor(threads) as runners:
            return max(runners.map(run, range(threads)))


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the probabilities of each row of logits, (N, labels). Source: Bishop 2006, equation 4.62."""
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    normalised: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return normalised
