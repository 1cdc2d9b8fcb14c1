"""The photographs that a benchmark or a local fleet sends: those of the folder PHOTOS, by default the samples."""

import os
from pathlib import Path

from infra.local.samples import SAMPLES
from project.env import ConfigurationError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def photographs() -> list[Path]:
    """Return the photographs in order of their names. Raises ConfigurationError where there are none."""
    folder = Path(os.environ.get("PHOTOS") or SAMPLES)
    if not folder.is_dir():
        raise ConfigurationError(f"PHOTOS={folder} is no folder.")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise ConfigurationError(f"PHOTOS={folder} has no {', '.join(SUFFIXES)} in it.")
    return found
