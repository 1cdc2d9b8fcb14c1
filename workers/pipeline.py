"""From a picture's bytes to its five most likely labels, by decoder threads, a micro-batcher and the classifier."""

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
from workers.engines import ONNX, TORCH, Engine
from workers.preprocess import BARE, Input

log = structlog.get_logger()

LARGE_PIXELS = 12_000_000
"""Only a few pictures larger than this are decoded at a time: one of 50 million pixels takes up to 1.2 GB."""

RESULT_SECONDS = 50
"""Longest wait for a picture's batch."""


@dataclass(frozen=True)
class Outcome:
    """The result for a picture: its five most likely labels, best first, its header, and a JPEG thumbnail."""

    top5: tuple[Prediction, ...]
    header: Header
    thumbnail: bytes


class Pipeline:
    """Classifies pictures' bytes in batches, with a classifier that its model threads share. Thread-safe."""

    def __init__(self, classifier: Classifier, config: env.Worker, max_pixels: int) -> None:
        self.classifier = classifier
        self.model = classifier.model
        self._config = config
        self._max_pixels = max_pixels
        self._input = preprocess.inputs(self.model.preprocessing, config.preprocessing)
        # Decoded pictures are large, and glibc keeps freed memory for each thread. Few threads limit the memory, and
        # more would have no core to run on.
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
        """The weights' name for records, with the precision if it isn't fp32."""
        precision = self.classifier.engine.precision
        return self.model.weights if precision == "fp32" else f"{self.model.weights} {precision}"

    def classify(self, content: bytes) -> Outcome:
        """Return the most likely labels, the header and a thumbnail of an encoded picture.

        Raises BadPicture if the content is no acceptable picture or can't be decoded, TimeoutError if its batch takes
        more than RESULT_SECONDS, and whatever error the engine raises in the forward pass.
        """
        with self._batcher.expecting():
            image, header = open_picture(content, self._max_pixels)
            with self._few_large if header.width * header.height > LARGE_PIXELS else nullcontext():
                picture, thumbnail = self._decoders.submit(self._prepare, image).result()
            del image  # Free the memory of the decoded picture before the wait for its batch.
            future = self._batcher.submit(picture)
        return Outcome(future.result(RESULT_SECONDS), header, thumbnail)

    def _prepare(self, image: Image.Image) -> tuple[Input, bytes]:
        """Decode an opened picture; return the network's input and a JPEG thumbnail."""
        picture = preprocess.decode(image, self._config.exif_transpose, self.model.preprocessing.resize)
        return self._input(picture), preprocess.thumbnail(picture.image)

    def warm_up(self) -> float:
        """Run a full batch on each model thread; return the longest time in seconds."""
        seconds = self.classifier.warm_up(self._config.max_batch_size, self._config.threads)
        memory.trim()
        return seconds


@cache
def pipeline() -> Pipeline:
    """Load the configured model, once per process. Raises ConfigurationError, also for a precision not admitted."""
    config = env.worker()
    started = time.monotonic()
    loaded = load(config)
    engine = loaded.classifier.engine
    admission.check(engine, Path(config.verified_file))
    _warn_of_ignored(engine, config)
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
    """Load the configured model without checking its admission. Raises ConfigurationError."""
    memory.limit_arenas(config.threads + 1)
    memory.keep_activations()
    with memory.loading():
        engine = engines.load(config)
    _check_bare(engine, config)
    return Pipeline(Classifier(engine), config, env.common().max_pixels)


def _warn_of_ignored(engine: Engine, config: env.Worker) -> None:
    """Say that an exported network runs whatever MODEL and MODEL_WEIGHTS name."""
    if engine.name == ONNX and (engine.model.name != config.model or config.model_weights):
        log.warning(
            "ENGINE=onnx runs the network of ONNX_MODEL and ignores MODEL and MODEL_WEIGHTS",
            onnx_model=config.onnx_model,
            runs=engine.model.name,
            model=config.model,
            model_weights=config.model_weights,
        )


def _check_bare(engine: Engine, config: env.Worker) -> None:
    """Raise ConfigurationError for PREPROCESSING=bare if the network takes pictures of one size only."""
    if config.preprocessing == BARE and (engine.name != TORCH or engine.model.fallback):
        raise env.ConfigurationError(
            f"PREPROCESSING=bare needs ENGINE=torch and a ResNet: "
            f"{engine.model.name} with ENGINE={engine.name} takes one size only."
        )
