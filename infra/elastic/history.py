"""A run's minutes on disk: the history as JSON, and beside it a page for the browser.

Both are replaced as a whole, so whoever reads one while the run goes on finds it complete.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.elastic.loop import Minute
from infra.elastic.page import page


@dataclass(frozen=True)
class History:
    """The files of a run whose minutes last `minute_seconds`."""

    path: Path
    minute_seconds: float

    @property
    def page(self) -> Path:
        return self.path.absolute().with_name(f"{self.path.name}.html")

    def write(self, minutes: Sequence[Minute]) -> None:
        """Write the minutes of a run that goes on."""
        document = {"minute_seconds": self.minute_seconds, "minutes": [asdict(minute) for minute in minutes]}
        _replace(self.path, json.dumps(document))
        _replace(self.page, page(minutes, running=True))

    def end(self) -> None:
        """Write the page of a run that is over: browsers no longer reload it."""
        _replace(self.page, page(read(self.path), running=False))


def read(path: Path) -> list[Minute]:
    """Return a run's minutes. Raises OSError, ValueError, KeyError or TypeError for a file that isn't a history."""
    return [Minute(**minute) for minute in json.loads(path.read_text())["minutes"]]


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    new.replace(path)
