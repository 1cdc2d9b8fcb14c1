"""What the system tests have: systems of a test's own, and their logs where it fails."""

from tests.system.conftest import pytest_runtest_makereport, start_system

__all__ = ["pytest_runtest_makereport", "start_system"]
