"""One folder a promise; each test makes the fault happen to real processes, by the fixtures of tests/system."""

from tests.system.conftest import database_url, pytest_runtest_makereport, start_system, system

__all__ = ["database_url", "pytest_runtest_makereport", "start_system", "system"]
