"""The classifier: a picture's bytes in, its five likeliest labels out."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import structlog
import torch

from project import env
from project.batching import Batcher
from project.contract import Prediction
from project.pictures import Header, open_picture
from workers import models, preprocess
from workers.models import LABELS, Model

log = structlog.get_logger()

TOP_K = 5
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


class Classifier:
    """Holds one model, shared by its model threads, and the batcher that feeds it. Safe to use from many threads."""

    def __init__(self, model: Model, config: env.Worker, max_pixels: int) -> None:
        self.model = model
        self._config = config
        self._max_pixels = max_pixels
        self._table = model.preprocessing.table()
        # Decoded pictures are large, and each thread keeps some of what it has freed: few threads bound memory,
        # and more than these have no core to run on.
        self._decoders = ThreadPoolExecutor(config.threads + 1, thread_name_prefix="decoder")
        self._few_large = threading.BoundedSemaphore(max(1, config.threads // 4))
        # The model threads are the parallelism: one intra-op thread each.
        torch.set_num_threads(1)
        self._batcher = Batcher(
            self._forward,
            max_batch_size=config.max_batch_size,
            max_wait_seconds=config.max_wait_ms / 1000,
            threads=config.threads,
        )

    def classify(self, content: bytes) -> Outcome:
        """Raises BadPicture for bytes that aren't a whole, acceptable picture."""
        with self._batcher.coming():
            header = open_picture(content, self._max_pixels)[1]
            with self._few_large if header.width * header.height > LARGE_PIXELS else nullcontext():
                tensor, thumbnail = self._decoders.submit(self._prepared, content).result()
            future = self._batcher.submit(tensor)
        return Outcome(future.result(RESULT_SECONDS), header, thumbnail)

    def _prepared(self, content: bytes) -> tuple[npt.NDArray[np.float32], bytes]:
        """Return the network's input and the thumbnail; the picture itself, which may be large, is let go of."""
        image, _ = preprocess.decode(content, self._max_pixels, self._config.exif_transpose)
        return preprocess.tensor(image, self.model.preprocessing, self._table), preprocess.thumbnail(image)

    def warm_up(self) -> float:
        """Run a full batch twice; return the seconds that the second took."""
        side = self.model.preprocessing.crop
        batch = [np.zeros((3, side, side), np.float32)] * self._config.max_batch_size
        self._forward(batch)
        started = time.monotonic()
        self._forward(batch)
        return time.monotonic() - started

    def _forward(self, tensors: list[npt.NDArray[np.float32]]) -> list[tuple[Prediction, ...]]:
        """Return the likeliest labels of each input: float32 (3, crop, crop) each."""
        torch.set_num_threads(1)
        batch = torch.from_numpy(np.stack(tensors)).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            probabilities = self.model.network(batch).softmax(1)
            confidences, indices = probabilities.topk(TOP_K)
        return [
            tuple(Prediction(LABELS[i], i, round(c, 6)) for i, c in zip(row_i, row_c, strict=True))
            for row_i, row_c in zip(indices.tolist(), confidences.tolist(), strict=True)
        ]


@cache
def classifier() -> Classifier:
    """Load the configured model, once a process. Ends the program with a sentence where that can't be."""
    config = env.worker()
    started = time.monotonic()
    loaded = Classifier(models.load(config), config, env.common().max_pixels)
    log.info(
        "model loaded",
        model=loaded.model.name,
        weights=loaded.model.weights,
        fallback=loaded.model.fallback,
        seconds=round(time.monotonic() - started, 2),
    )
    return loaded
