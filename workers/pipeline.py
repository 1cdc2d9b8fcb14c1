"""From a picture's bytes to its five likeliest labels: decoders feed the micro-batcher, which feeds the classifier."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import structlog
from PIL import Image

from project import env
from project.batching import Batcher
from project.contract import Prediction
from project.pictures import Header, open_picture
from workers import admission, engines, memory, preprocess
from workers.classifier import Classifier
from workers.engines import TORCH, Engine
from workers.preprocess import BARE, Input

log = structlog.get_logger()

LARGE_PIXELS = 12_000_000
"""Of pictures with more than these only a few are decoded at a time: one of 50 million pixels takes up to 1.2 GB."""

RESULT_SECONDS = 50
"""Longest wait for a forward pass, well below the request queue's visibility timeout."""


@dataclass(frozen=True)
class Outcome:
    """What is on a picture: the likeliest labels, best first, its header, and a JPEG thumbnail."""

    top5: tuple[Prediction, ...]
    header: Header
    thumbnail: bytes


class Pipeline:
    """Holds a classifier, shared by its model threads, and the batcher that feeds it. Safe to use from many threads."""

    def __init__(self, classifier: Classifier, config: env.Worker, max_pixels: int) -> None:
        self.classifier = classifier
        self.model = classifier.model
        self._config = config
        self._max_pixels = max_pixels
        self._input = preprocess.inputs(self.model.preprocessing, config.preprocessing)
        # Decoded pictures are large, and each thread keeps some of what it has freed: few threads bound memory,
        # and more than these have no core to run on.
        self._decoders = ThreadPoolExecutor(config.threads + 1, thread_name_prefix="decoder")
        self._few_large = threading.BoundedSemaphore(max(1, config.threads // 4))
        self._batcher = Batcher(
            classifier.classify,
            max_batch_size=config.max_batch_size,
            max_wait_seconds=config.max_wait_ms / 1000,
            threads=config.threads,
        )

    @property
    def weights(self) -> str:
        """What a record says of the weights: with the precision, where that isn't what they were trained in."""
        precision = self.classifier.engine.precision
        return self.model.weights if precision == "fp32" else f"{self.model.weights} {precision}"

    def classify(self, content: bytes) -> Outcome:
        """Raises BadPicture for bytes that aren't a whole, acceptable picture."""
        with self._batcher.expecting():
            image, header = open_picture(content, self._max_pixels)
            with self._few_large if header.width * header.height > LARGE_PIXELS else nullcontext():
                picture, thumbnail = self._decoders.submit(self._prepared, image).result()
            del image  # Decoded it may be large, and the wait for the batch is long.
            future = self._batcher.submit(picture)
        return Outcome(future.result(RESULT_SECONDS), header, thumbnail)

    def _prepared(self, image: Image.Image) -> tuple[Input, bytes]:
        """Return the network's input and the thumbnail of an opened picture."""
        picture = preprocess.decode(image, self._config.exif_transpose, self.model.preprocessing.resize)
        return self._input(picture), preprocess.thumbnail(picture.image)

    def warm_up(self) -> float:
        """Run batches of all sizes; return the seconds that a full one takes."""
        seconds = self.classifier.warm_up(self._config.max_batch_size, self._config.threads)
        memory.give_back()
        return seconds


@cache
def pipeline() -> Pipeline:
    """Load the configured model, once a process. Ends the program with a sentence where that can't be."""
    config = env.worker()
    started = time.monotonic()
    loaded = load(config)
    engine = loaded.classifier.engine
    admission.check(engine, Path(config.verified_file))
    log.info(
        "model loaded",
        model=loaded.model.name,
        weights=loaded.model.weights,
        fallback=loaded.model.fallback,
        engine=engine.name,
        precision=engine.precision,
        seconds=round(time.monotonic() - started, 2),
    )
    return loaded


def load(config: env.Worker) -> Pipeline:
    """Load what is configured, admitted or not. Ends the program with a sentence where that can't be."""
    memory.bound_arenas(config.threads + 1)
    engine = engines.load(config)
    _check_bare(engine, config)
    memory.give_back()
    return Pipeline(Classifier(engine), config, env.common().max_pixels)


def _check_bare(engine: Engine, config: env.Worker) -> None:
    """Refuse bare pictures where the network takes only the size that it was exported, or padded, for."""
    if config.preprocessing == BARE and (engine.name != TORCH or engine.model.fallback):
        raise env.ConfigurationError(
            f"PREPROCESSING=bare needs ENGINE=torch and a ResNet; {engine.model.name} by {engine.name} takes one size."
        )
