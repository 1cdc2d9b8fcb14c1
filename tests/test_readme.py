"""The README stays true: its table is the code's, its commands exist."""

import re

from project import env
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()


def test_the_configuration_table_matches_the_code():
    assert env.table().strip() in README


def test_every_make_command_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)\b(?= |\n|`)", README)) - {"it"} <= targets


def test_every_file_that_is_linked_exists():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []
