"""Environment variables for a test: project.env reads them at once, and again afterwards."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from project import env


def _read_again() -> None:
    for read in (env.common, env.aws, env.web, env.worker):
        read.cache_clear()


@contextmanager
def configured(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    _read_again()
    try:
        yield
    finally:
        for name, text in before.items():
            os.environ.pop(name, None)
            if text is not None:
                os.environ[name] = text
        _read_again()
