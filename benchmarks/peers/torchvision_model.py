"""The network of the documentations' examples: torchvision's, eager, with the weights' own transforms.

The examples load trained weights; here they load the file that all servers get, and answer as all servers do.
"""

from pathlib import Path
from typing import TypeAlias

import torch
from PIL import Image
from torchvision.models import get_model, get_model_weights

from project import env

TOP_K = 5

Answer: TypeAlias = dict[str, list[dict[str, str | float]]]


class TorchvisionModel:
    """A network in evaluation mode, its transforms, and the names of its outputs."""

    def __init__(self) -> None:
        config = env.worker()
        weights = get_model_weights(config.model)["DEFAULT"]
        self.transforms = weights.transforms()
        self._categories: list[str] = weights.meta["categories"]
        self._network = get_model(config.model).eval()
        self._network.load_state_dict(torch.load(Path(config.model_weights), weights_only=True))

    def input(self, picture: Image.Image) -> torch.Tensor:
        """Return the network's input for a picture: float32 (3, crop, crop)."""
        transformed: torch.Tensor = self.transforms(picture.convert("RGB"))
        return transformed

    def classify(self, batch: torch.Tensor) -> list[Answer]:
        """Return the most likely labels of each picture, best first."""
        with torch.inference_mode():
            confidences, classes = self._network(batch).softmax(1).topk(TOP_K)
        return [self._answer(*pair) for pair in zip(confidences.tolist(), classes.tolist(), strict=True)]

    def _answer(self, confidences: list[float], classes: list[int]) -> Answer:
        pairs = zip(confidences, classes, strict=True)
        return {"top5": [{"label": self._categories[one], "confidence": confidence} for confidence, one in pairs]}
