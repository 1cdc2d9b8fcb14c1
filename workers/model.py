"""A model's description, the same for every engine: name, weights, preprocessing, labels."""

import json
from dataclasses import asdict, dataclass

from workers.preprocess import Preprocessing


@dataclass(frozen=True, kw_only=True)
class Model:
    """A trained network's description. `labels` are the names of its outputs, in order."""

    name: str
    weights: str
    fallback: bool
    preprocessing: Preprocessing
    labels: tuple[str, ...]

    def to_json(self) -> str:
        """Return the description as JSON, the metadata of an exported network's file."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Model":
        """Return the description in a JSON text. Raises ValueError, KeyError or TypeError if it isn't one."""
        document = json.loads(text)
        described = document["preprocessing"]
        mean, deviation = tuple(described["mean"]), tuple(described["deviation"])
        preprocessing = Preprocessing(**{**described, "mean": mean, "deviation": deviation})
        return cls(**{**document, "preprocessing": preprocessing, "labels": tuple(document["labels"])})
