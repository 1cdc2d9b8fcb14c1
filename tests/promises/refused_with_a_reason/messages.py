"""Messages that are nearly right: each differs from a good one in one field, or is no message at all."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

NAN, INFINITY, HUGE = "@NaN@", "@1e999@", "@" + "9" * 5_000 + "@"
"""Placeholder for values that JSON allows but Python can't write; `written` replaces it, without the quotes."""

WRONG: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1,
    2**70,
    1.5,
    1e308,
    "",
    "cat",
    "\x00",
    "\ud800",
    "x" * 100_000,
    "2026-02-30",
    "0001-01-01T00:00:00+23:59",
    "{018f3f5e-0000-7000-8000-000000000001}",
    [],
    [None],
    [[]],
    ["cat"],
    {},
    {"label": "cat"},
    [{"label": "cat", "index": 1}],
    [{"label": None, "index": None, "confidence": None}],
    [{"label": "cat", "index": 1, "confidence": 2.0}],
    [{"label": "cat", "index": 1, "confidence": 0.5, "more": 1}],
    NAN,
    INFINITY,
    f"-{INFINITY}",
    HUGE,
)

NO_JSON = (
    "",
    " ",
    "nonsense",
    "null",
    "true",
    "17",
    '"text"',
    "[]",
    "{}",
    "{",
    '{"version": 1',
    '{"version": 1}{"version": 1}',
    '{"version": NaN}',
    "\ufeff{}",
    "<xml/>",
    *("[" * depth + "]" * depth for depth in (100, 500, 900, 1_000, 5_000, 100_000)),
    *('{"record":' * depth + "1" + "}" * depth for depth in (500, 900, 100_000)),
)


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def mutations(good: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a good document with one field wrong, missing, deeply nested or too many, at any depth, and its name."""
    for path in _paths(good):
        name = ".".join(map(str, path))
        yield f"{name} missing", _changed(good, path)
        for depth in (100, 400, 800):
            yield f"{name} nested {depth}", _changed(good, path, nested(depth))
        for number, value in enumerate(WRONG):
            yield f"{name} wrong {number}", _changed(good, path, value)
    yield "one field more", {**good, "more": 1}
    yield "a field without name", {**good, "": 1}


def _paths(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in items:
        yield from _paths(value, (*path, key))


def _changed(good: dict[str, Any], path: tuple[Any, ...], *value: Any) -> dict[str, Any]:
    """Return a copy with a value at a path, or with nothing there."""
    document = copy.deepcopy(good)
    parent: Any = document
    for key in path[:-1]:
        parent = parent[key]
    if value:
        parent[path[-1]] = value[0]
    else:
        del parent[path[-1]]
    return document


def written(document: dict[str, Any]) -> str:
    return re.sub(r'"(-?)@(.*?)@"', r"\1\2", json.dumps(document))
