"""Fixtures of the systems under test, and their logs for failed tests."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests import postgresql
from tests.system.harness import System, running


class StartSystem:
    """Starts systems of a test's own, which it may kill; all of them end with the test."""

    def __init__(self, state: Path, stack: ExitStack) -> None:
        self.systems: list[System] = []
        self._state = state
        self._stack = stack

    def __call__(self, database_url: str | None = None, **processes: Any) -> System:
        system = System(self._state, database_url)
        self.systems.append(self._stack.enter_context(running(system, **processes)))
        return system


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """All of it, shared by the tests that leave it as it is: two workers, two consumers, Flower."""
    with running(System(tmp_path_factory.mktemp("system")), workers=2, consumers=2, flower=True) as started:
        yield started


@pytest.fixture
def start_system(tmp_path: Path) -> Iterator[StartSystem]:
    with ExitStack() as stack:
        yield StartSystem(tmp_path, stack)


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """None for the SQLite file that a system makes itself, or a PostgreSQL server that takes 50 connections."""
    if request.param == "SQLite":
        yield None
        return
    if postgresql.programs() is None:
        pytest.skip(postgresql.MISSING)
    with postgresql.server(max_connections=50) as server:
        yield server.url


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    if report.failed and report.when == "call":
        for value in getattr(item, "funcargs", {}).values():
            for system in [value] if isinstance(value, System) else getattr(value, "systems", ()):
                report.sections.append(("the system's logs", system.log_tails()))
    return report
