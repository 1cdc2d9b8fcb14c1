"""The docs stay true: their table is the code's; commands, links, files and functions that they name exist."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from project import env
from tests.conftest import ROOT

DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
NAMED = re.compile(r"`(\w[\w.*/-]+)(?::([A-Za-z_][\w.]*))?`")
"""A path in backticks, with or without the name of a function, a class or its method."""


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def test_the_table_of_variables_is_the_codes():
    assert env.table().strip() in (DOCS / "configuration.md").read_text()


@each_page
def test_every_make_command_exists(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = re.findall(r"(?:^|`|=\w* )make ([a-z-]+)", page.read_text(), re.MULTILINE)
    assert set(commands) <= targets


@each_page
def test_every_link_leads_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text())
    assert [link for link in links if not leads_somewhere(page, link)] == []


@each_page
def test_every_path_that_is_named_exists(page):
    assert [path for path, _ in named_in(page) if not any(ROOT.glob(path.rstrip("/")))] == []


@each_page
def test_every_function_that_is_named_exists(page):
    named = [(path, name) for path, name in named_in(page) if name]
    assert [f"{path}:{name}" for path, name in named if name not in definitions(ROOT / path)] == []


@each_page
def test_every_test_file_that_is_named_exists(page):
    named = re.findall(r"`((?:\w+/)*test_\w+)`", page.read_text())
    assert [name for name in named if not any((ROOT / "tests").rglob(f"{name}.py"))] == []


def test_the_way_of_a_picture_names_functions():
    assert len([name for _, name in named_in(DOCS / "architecture.md") if name]) > 20


def test_the_architecture_has_every_room():
    rooms = {f"{contract['containers'][0]}/{room}" for contract in layers() for room in rooms_of(contract)}
    named = {path.rstrip("/").removesuffix(".py") for path, _ in named_in(DOCS / "architecture.md")}
    assert rooms - named == set()


def test_the_index_has_every_page():
    index = DOCS / "README.md"
    linked = {(DOCS / link).resolve() for link in re.findall(r"\]\(([^)#]+)\)", index.read_text())}
    assert set(PAGES) - linked == {index}


def layers() -> list[dict[str, Any]]:
    """Return the contracts of pyproject.toml that order rooms."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return [contract for contract in contracts if contract["type"] == "layers"]


def rooms_of(contract: dict[str, Any]) -> list[str]:
    return [room for layer in contract["layers"] for room in layer.split(" | ")]


def leads_somewhere(page: Path, link: str) -> bool:
    """Tell whether a relative link's file exists, and has the heading after its `#`."""
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    return target.exists() and (not anchor or anchor in anchors(target))


def anchors(page: Path) -> list[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


def named_in(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the paths in backticks that begin with a folder of the repository, each with what is named in it, or ""."""
    for path, name in NAMED.findall(page.read_text()):
        if "/" in path and (ROOT / path.split("/")[0]).is_dir():
            yield path, name


def definitions(module: Path) -> set[str]:
    """Return the functions and classes of a module, and methods as `Class.method`."""
    found = set()
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{inner.name}" for inner in node.body if hasattr(inner, "name")}
    return found
