"""CloudWatch's metric math, as far as the alarms use it: arithmetic, comparison, AND, OR, IF, FILL, CEIL, FLOOR.

A series is a list with a value a period, oldest first; None is a period without a value. Where one side of an operator
has a value and the other has none, the missing one counts as 0. Where both have none the result has none either, nor
where it isn't a finite number: a divisor is 0, say. Source: "Using metric math", Amazon CloudWatch User Guide.

Python's parser reads the expressions; which operators bind more is as in Python, since AWS doesn't say.
"""

import ast
import keyword
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial, reduce
from itertools import pairwise
from typing import TypeAlias

Series: TypeAlias = Sequence[float | None]
Value: TypeAlias = float | Series

MAX_TOKENS = 200
"""Signs, numbers and names in an expression at most; ours have about 50. It may be as deep as it is long."""

_TOKEN = re.compile(r"\s*((?P<number>\d+\.?\d*|\.\d+)|\w+|&&|\|\||[<>=!]=|[-+*/^(),<>]|(?P<other>\S))", re.ASCII)
_PYTHON = {"&&": "and", "AND": "and", "||": "or", "OR": "or", "^": "**"}
"""What Python calls operators that it knows by other names."""

_OPERATORS: Mapping[type[ast.AST], Callable[[float, float], float]] = {
    ast.Or: lambda a, b: bool(a) or bool(b),
    ast.And: lambda a, b: bool(a) and bool(b),
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.LtE: operator.le,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.Gt: operator.gt,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: math.pow,
}


class ExpressionError(ValueError):
    """An expression isn't metric math, or uses what isn't modelled here."""


@cache
def parse(expression: str) -> ast.expr:
    """Return the expression as a tree, in which all is modelled here. Raises ExpressionError."""
    try:
        tree = _parsed(" ".join(_tokens(expression)))
        _value(tree, {id: [] for id in _ids(tree)})
    except ExpressionError as error:
        raise ExpressionError(f"The metric math `{expression}` can't be used: {error}.") from error
    return tree


def metric_ids(expression: str) -> set[str]:
    """Return the ids of the metrics that the expression reads. Raises ExpressionError."""
    return _ids(parse(expression))


def evaluate(expression: str, metrics: Mapping[str, Series]) -> list[float | None]:
    """Return the series of the expression's values.

    metrics: a series by metric id, all equally long. Raises ExpressionError for an id that isn't among them.
    """
    tree = parse(expression)
    if unknown := _ids(tree) - metrics.keys():
        raise ExpressionError(f"`{min(unknown)}` is no metric of this alarm; it has {', '.join(sorted(metrics))}.")
    length = len(next(iter(metrics.values())))
    result = _value(tree, metrics)
    return [result] * length if isinstance(result, float) else list(result)


def _ids(tree: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id[0].islower()}


def _tokens(expression: str) -> list[str]:
    """Return the expression's tokens as Python writes them."""
    tokens = []
    for found in _TOKEN.finditer(expression):
        token = found[1]
        if found["other"]:
            raise ExpressionError(f"`{token}` isn't understood")
        if keyword.iskeyword(token):
            raise ExpressionError(f"`{token}` can't be a metric's id here, since Python has another use for it")
        tokens.append(repr(float(token)) if found["number"] else _PYTHON.get(token, token))
    if len(tokens) > MAX_TOKENS:
        raise ExpressionError(f"it has {len(tokens)} numbers, names and signs; {MAX_TOKENS} are allowed")
    if (",", ")") in pairwise(tokens):
        raise ExpressionError("`)` isn't expected there")
    return tokens


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        rest = text[error.offset - 1 :].split() if error.offset else []
        if not rest or "never closed" in error.msg:
            raise ExpressionError("it ends too early") from error
        raise ExpressionError(f"`{rest[0]}` isn't expected there") from error


def _value(node: ast.expr, metrics: Mapping[str, Series]) -> Value:
    """Return what the tree is worth. Raises ExpressionError for what isn't modelled."""
    match node:
        case ast.Constant(value=float(number)):
            return number
        case ast.Name(id=id) if id in metrics:
            return metrics[id]
        case ast.Name(id=id):
            raise ExpressionError(f"`{id}` isn't modelled")
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _combined(operator.sub, 0.0, _value(operand, metrics))
        case ast.BinOp(left=left, op=sign, right=right) | ast.Compare(left=left, ops=[sign], comparators=[right]):
            return _combined(_OPERATORS[type(sign)], _value(left, metrics), _value(right, metrics))
        case ast.BoolOp(op=sign, values=operands):
            return reduce(partial(_combined, _OPERATORS[type(sign)]), [_value(one, metrics) for one in operands])
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _call(name, arguments, metrics)
    raise ExpressionError(f"what Python calls {type(node).__name__} isn't modelled")


def _call(name: str, arguments: Sequence[ast.expr], metrics: Mapping[str, Series]) -> Value:
    if name not in _FUNCTIONS:
        raise ExpressionError(f"the function {name} isn't modelled; {', '.join(_FUNCTIONS)} are")
    function, counts = _FUNCTIONS[name]
    if len(arguments) not in counts:
        raise ExpressionError(f"{name} with {len(arguments)} arguments")
    if name == "FILL" and isinstance(arguments[1], ast.Name) and arguments[1].id == "REPEAT":
        return _fill(_value(arguments[0], metrics), None)
    return function(*[_value(argument, metrics) for argument in arguments])


def _combined(operate: Callable[[float, float], float], left: Value, right: Value) -> Value:
    # A number alone makes no point in time: where the series has none, so has the result.
    if isinstance(left, float):
        if isinstance(right, float):
            return _number(operate, left, right)
        return [None if other is None else _point(operate, left, other) for other in right]
    if isinstance(right, float):
        return [None if one is None else _point(operate, one, right) for one in left]
    pairs = zip(left, right, strict=True)
    return [None if pair == (None, None) else _point(operate, pair[0] or 0.0, pair[1] or 0.0) for pair in pairs]


def _number(operate: Callable[[float, float], float], left: float, right: float) -> float:
    result = _point(operate, left, right)
    if result is None:
        raise ExpressionError("a number is divided by zero, or has no such power")
    return result


def _point(operate: Callable[..., float], *operands: float) -> float | None:
    """Return the result, or None where there is none that is a finite number."""
    try:
        result = float(operate(*operands))
    except (ArithmeticError, ValueError):
        return None
    return result if math.isfinite(result) else None


def _if(condition: Value, if_true: Value, if_false: Value | None = None) -> Value:
    if isinstance(condition, float):
        chosen = if_true if condition else if_false
        if chosen is None:
            raise ExpressionError("IF of a number that is false, and nothing else to choose")
        return chosen
    # A missing value counts as 0 where the condition is true.
    return [
        None if test is None else (_at(if_true, position) or 0.0) if test else _at(if_false, position)
        for position, test in enumerate(condition)
    ]


def _at(value: Value | None, position: int) -> float | None:
    return value if value is None or isinstance(value, float) else value[position]


def _fill(series: Value, filler: Value | None) -> Value:
    """Return the series with `filler` where a value is missing, or with the value before if that is None."""
    if isinstance(series, float):
        raise ExpressionError("FILL takes a series first, not a number")
    if filler is not None and not isinstance(filler, float):
        raise ExpressionError("FILL with a series isn't modelled; a number or REPEAT is")
    result: list[float | None] = []
    for value in series:
        before = result[-1] if result else None
        result.append(value if value is not None else before if filler is None else filler)
    return result


def _round(function: Callable[[float], float], value: Value) -> Value:
    if isinstance(value, float):
        return float(function(value))
    return [None if one is None else _point(function, one) for one in value]


_FUNCTIONS: Mapping[str, tuple[Callable[..., Value], Sequence[int]]] = {
    "IF": (_if, (2, 3)),
    "FILL": (_fill, (2,)),
    "CEIL": (partial(_round, math.ceil), (1,)),
    "FLOOR": (partial(_round, math.floor), (1,)),
}
"""Each with the numbers of arguments that it takes."""
