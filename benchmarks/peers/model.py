"""What every peer serves: the worker's own network, weights, preprocessing and threads, and nothing else of it."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from project import env
from workers import models, preprocess

TOP_K = 5
MAX_BATCH_SIZE = env.worker().max_batch_size
WORKERS = env.worker().threads
"""Model workers, of one intra-op thread each: as many as the worker has model threads."""

Input: TypeAlias = npt.NDArray[np.float32]
Answer: TypeAlias = dict[str, list[dict[str, str | float]]]


class Model:
    """A model worker's network."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self._model = models.load(env.worker())
        self._table = self._model.preprocessing.table()

    def preprocess(self, content: bytes) -> Input:
        """Return the network's input for a picture's bytes: float32 (3, crop, crop)."""
        image, _ = preprocess.decode(content, env.common().max_pixels, env.worker().exif_transpose)
        return preprocess.tensor(image, self._model.preprocessing, self._table)

    def classify(self, batch: Input) -> list[Answer]:
        """Return the likeliest labels of each picture, best first. batch: float32 (N, 3, crop, crop)."""
        torch.set_num_threads(1)
        pictures = torch.from_numpy(batch).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            confidences, indices = self._model.network(pictures).softmax(1).topk(TOP_K)
        return [
            {
                "top5": [
                    {"label": models.LABELS[i], "confidence": round(c, 6)} for i, c in zip(row_i, row_c, strict=True)
                ]
            }
            for row_i, row_c in zip(indices.tolist(), confidences.tolist(), strict=True)
        ]
