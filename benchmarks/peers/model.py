"""The model that every peer serves: the worker's engine, weights, preprocessing and threads."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TypeAlias

from project import env
from project.pictures import open_picture
from workers import engines, preprocess
from workers.classifier import Classifier
from workers.preprocess import Input

MAX_BATCH_SIZE = env.worker().max_batch_size
WORKERS = env.worker().threads
"""Number of model workers: the worker's number of model threads. Each has the worker's intra-op threads."""

Answer: TypeAlias = dict[str, list[dict[str, Any]]]


class Model:
    """A model worker's network."""

    def __init__(self) -> None:
        config = env.worker()
        self._classifier = Classifier(engines.load(config))
        self._preprocessing = self._classifier.model.preprocessing
        self._input = preprocess.inputs(self._preprocessing, config.preprocessing)

    def preprocess(self, content: bytes) -> Input:
        """Return the network's input for a picture's bytes: float32 (3, crop, crop)."""
        exif_transpose, resize = env.worker().exif_transpose, self._preprocessing.resize
        image, _ = open_picture(content, env.common().max_pixels)
        return self._input(preprocess.decode(image, exif_transpose, resize))

    def classify(self, batch: Sequence[Input]) -> list[Answer]:
        """Return the most likely labels of each picture, best first."""
        return [{"top5": [asdict(one) for one in top5]} for top5 in self._classifier.classify(batch)]
