"""What is known of a model whatever engine runs it: its name, its weights, its preprocessing, its labels."""

import json
from dataclasses import asdict, dataclass

from workers.preprocess import Preprocessing


@dataclass(frozen=True, kw_only=True)
class Model:
    """A trained network's description. `labels` names its outputs, in their order."""

    name: str
    weights: str
    fallback: bool
    preprocessing: Preprocessing
    labels: tuple[str, ...]

    def to_json(self) -> str:
        """Return the description as an exported network's file carries it."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Model":
        """Raises ValueError, KeyError or TypeError where the text is no description."""
        document = json.loads(text)
        described = document["preprocessing"]
        mean, deviation = tuple(described["mean"]), tuple(described["deviation"])
        preprocessing = Preprocessing(**{**described, "mean": mean, "deviation": deviation})
        return cls(**{**document, "preprocessing": preprocessing, "labels": tuple(document["labels"])})
