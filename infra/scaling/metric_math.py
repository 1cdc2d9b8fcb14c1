"""CloudWatch's metric math, as far as the alarms use it: arithmetic, comparison, AND, OR, IF, FILL, CEIL, FLOOR.

A series is a list with a value a period, oldest first; None is a period without a value. Where one side of an operator
has a value and the other has none, the missing one counts as 0; where both have none, or a divisor is 0, so has the
result. Source: "Using metric math", Amazon CloudWatch User Guide.
"""

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import TypeAlias

Series: TypeAlias = Sequence[float | None]
Value: TypeAlias = float | Series

REPEAT = "REPEAT"

_TOKEN = re.compile(r"\s*(?:(?P<number>\d+\.?\d*|\.\d+)|(?P<name>\w+)|(?P<sign>&&|\|\||[<>=!]=|[-+*/^(),<>]))")

_OPERATORS: Mapping[str, Callable[[float, float], float]] = {
    "OR": lambda a, b: bool(a) or bool(b),
    "AND": lambda a, b: bool(a) and bool(b),
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
}
_LEVELS = (("OR",), ("AND",), ("==", "!=", "<=", ">=", "<", ">"), ("+", "-"), ("*", "/"), ("^",))
"""Operators from those that bind least to those that bind most."""

_SAME = {"&&": "AND", "||": "OR"}
_ROUNDING: Mapping[str, Callable[[float], float]] = {"CEIL": math.ceil, "FLOOR": math.floor}
_ARGUMENTS = {"IF": (2, 3), "FILL": (2, 2), "CEIL": (1, 1), "FLOOR": (1, 1)}


class ExpressionError(ValueError):
    """An expression isn't metric math, or uses what isn't modelled here."""


@dataclass(frozen=True)
class Node:
    """A number, a metric's id, or an operator or function (`what`) with its operands."""

    what: str
    operands: tuple["Node", ...] = ()
    number: float | None = None

    def nodes(self) -> Iterator["Node"]:
        """Yield this node and all below it."""
        return chain([self], *(operand.nodes() for operand in self.operands))


@cache
def parse(expression: str) -> Node:
    """Return the expression as a tree. Raises ExpressionError."""
    return _Parser(expression).tree()


def metric_ids(expression: str) -> set[str]:
    """Return the ids of the metrics that the expression reads."""
    return {node.what for node in parse(expression).nodes() if node.number is None and not _is_operation(node)}


def evaluate(expression: str, metrics: Mapping[str, Series]) -> list[float | None]:
    """Return the series of the expression's values.

    metrics: a series by metric id, all equally long. Raises ExpressionError for an id that isn't among them.
    """
    length = len(next(iter(metrics.values())))
    result = _value(parse(expression), metrics)
    return [result] * length if isinstance(result, int | float) else list(result)


def _is_operation(node: Node) -> bool:
    return bool(node.operands) or node.what == REPEAT


class _Parser:
    """Reads an expression from left to right; each level of operators calls the next that binds more."""

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.tokens = self._tokens()
        self.at = 0

    def tree(self) -> Node:
        node = self._operation(0)
        if self.at < len(self.tokens):
            raise self._error(f"`{self.tokens[self.at]}` isn't expected there")
        return node

    def _tokens(self) -> list[str]:
        tokens, position, text = [], 0, self.expression.rstrip()
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                raise self._error(f"`{text[position:].strip()[0]}` isn't understood")
            tokens.append(_SAME.get(found.group().strip(), found.group().strip()))
            position = found.end()
        return tokens

    def _operation(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._operand()
        node = self._operation(level + 1)
        while self._peek() in _LEVELS[level]:
            node = Node(self._next(), (node, self._operation(level + 1)))
        return node

    def _operand(self) -> Node:
        token = self._next()
        if token == "-":  # noqa: S105 -- a sign, no secret
            return Node("-", (Node("0", number=0.0), self._operand()))
        if token == "(":  # noqa: S105
            node = self._operation(0)
            self._expect(")")
            return node
        if token[0].isdigit() or token[0] == ".":
            return Node(token, number=float(token))
        if self._peek() == "(":
            return self._call(token)
        if token == REPEAT or token[0].islower():
            return Node(token)
        raise self._error(f"`{token}` isn't modelled" if token.isupper() else f"`{token}` isn't expected there")

    def _call(self, name: str) -> Node:
        if name not in _ARGUMENTS:
            raise self._error(f"the function {name} isn't modelled; {', '.join(_ARGUMENTS)} are")
        self._expect("(")
        arguments = [self._operation(0)]
        while self._peek() == ",":
            self._next()
            arguments.append(self._operation(0))
        self._expect(")")
        least, most = _ARGUMENTS[name]
        if not least <= len(arguments) <= most:
            raise self._error(f"{name} with {len(arguments)} arguments")
        return Node(name, tuple(arguments))

    def _peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise self._error("it ends too early")
        self.at += 1
        return token

    def _expect(self, token: str) -> None:
        if self._next() != token:
            raise self._error(f"`{token}` is missing")

    def _error(self, reason: str) -> ExpressionError:
        return ExpressionError(f"The metric math `{self.expression}` can't be used: {reason}.")


def _value(node: Node, metrics: Mapping[str, Series]) -> Value:
    if node.number is not None:
        return node.number
    if node.what in _OPERATORS:
        left, right = (_value(operand, metrics) for operand in node.operands)
        return _combined(_OPERATORS[node.what], left, right)
    if node.what == "IF":
        return _chosen(*(_value(operand, metrics) for operand in node.operands))
    if node.what == "FILL":
        return _filled(node, metrics)
    if node.what in _ROUNDING:
        return _rounded(_ROUNDING[node.what], _value(node.operands[0], metrics))
    if node.what not in metrics:
        raise ExpressionError(f"`{node.what}` is no metric of this alarm; it has {', '.join(sorted(metrics))}.")
    return metrics[node.what]


def _combined(operate: Callable[[float, float], float], left: Value, right: Value) -> Value:
    if isinstance(left, int | float) and isinstance(right, int | float):
        try:
            return float(operate(left, right))
        except ZeroDivisionError as error:
            raise ExpressionError("a number is divided by zero") from error
    length = len(left) if not isinstance(left, int | float) else len(right)  # type: ignore[arg-type]
    # A number alone makes no point in time: where the series has none, so has the result.
    lefts = [None] * length if isinstance(left, int | float) else left
    rights = [None] * length if isinstance(right, int | float) else right
    result: list[float | None] = []
    for one, other in zip(lefts, rights, strict=True):
        if one is None and other is None:
            result.append(None)
            continue
        first = left if isinstance(left, int | float) else one or 0.0
        second = right if isinstance(right, int | float) else other or 0.0
        try:
            result.append(float(operate(first, second)))
        except ZeroDivisionError:
            result.append(None)
    return result


def _chosen(condition: Value, if_true: Value, if_false: Value | None = None) -> Value:
    if isinstance(condition, int | float):
        if condition:
            return if_true
        if if_false is None:
            raise ExpressionError("IF of a number that is false, and nothing else to choose")
        return if_false
    result: list[float | None] = []
    for position, test in enumerate(condition):
        if test is None:
            result.append(None)
        elif test:
            result.append(_at(if_true, position) or 0.0)  # A missing value counts as 0 there.
        else:
            result.append(None if if_false is None else _at(if_false, position))
    return result


def _at(value: Value, position: int) -> float | None:
    return value if isinstance(value, int | float) else value[position]


def _filled(node: Node, metrics: Mapping[str, Series]) -> Value:
    series = _value(node.operands[0], metrics)
    if isinstance(series, int | float):
        raise ExpressionError("FILL takes a series first, not a number")
    if node.operands[1].what != REPEAT:
        filler = _value(node.operands[1], metrics)
        if not isinstance(filler, int | float):
            raise ExpressionError("FILL with a series isn't modelled; a number or REPEAT is")
        return [filler if value is None else value for value in series]
    result: list[float | None] = []
    for value in series:
        result.append(value if value is not None else result[-1] if result else None)
    return result


def _rounded(function: Callable[[float], float], value: Value) -> Value:
    if isinstance(value, int | float):
        return function(value)
    return [None if one is None else float(function(one)) for one in value]
