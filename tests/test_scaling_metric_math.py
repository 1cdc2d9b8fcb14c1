"""Metric math, against the tables of "Using metric math" in the Amazon CloudWatch User Guide."""

import pytest

from infra.scaling.metric_math import ExpressionError, evaluate, metric_ids

N = None


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("(metric1 < metric2)", [0, 0, 1, 0]),
        ("(metric1 >= 30)", [1, 0, 0, 0]),
        ("(metric1 > 15 AND metric2 > 15)", [1, 0, 0, 0]),
        ("metric1 > 15 && metric2 > 15", [1, 0, 0, 0]),
    ],
)
def test_awss_table_of_comparisons(expression, values):
    assert evaluate(expression, {"metric1": [30, 20, 0, 0], "metric2": [20, N, 20, N]}) == values


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("IF(metric1, metric2, metric3)", [30, 0, 20, N, N]),
        ("IF(metric1, 5, metric3)", [5, 5, 20, N, N]),
        ("IF(metric1, metric2, 5)", [30, 0, 5, 5, N]),
        ("IF(metric1, metric2)", [30, 0, N, N, N]),
        ("IF(1, metric2, metric3)", [30, N, 0, 0, 30]),
        ("IF(0, metric2, metric3)", [0, 0, 20, N, 20]),
    ],
)
def test_awss_tables_of_if(expression, values):
    metrics = {"metric1": [1, 1, 0, 0, N], "metric2": [30, N, 0, 0, 30], "metric3": [0, 0, 20, N, 20]}
    assert evaluate(expression, metrics) == values


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("FILL(m, 0)", [0, 2, 0, 4, 0]),
        ("FILL(m, 7.5)", [7.5, 2, 7.5, 4, 7.5]),
        ("FILL(m, REPEAT)", [N, 2, 2, 4, 4]),
        ("CEIL(m / 3)", [N, 1, N, 2, N]),
        ("FLOOR(m / 3)", [N, 0, N, 1, N]),
        ("m + 1", [N, 3, N, 5, N]),
        ("m + FILL(m, 1)", [1, 4, 1, 8, 1]),
        ("8 / m", [N, 4, N, 2, N]),
        ("10 - m ^ 2 / 2", [N, 8, N, 2, N]),
        ("2 + 3 * m - 4 / 2", [N, 6, N, 12, N]),
        ("-m + 1", [N, -1, N, -3, N]),
        ("m > 3 || m < 1 OR m == 2", [N, 1, N, 1, N]),
        ("(1 - m) ^ 0.5", [N, N, N, N, N]),
        ("m ^ 999", [N, 2.0**999, N, N, N]),
    ],
)
def test_missing_values_are_filled_or_stay_missing(expression, values):
    assert evaluate(expression, {"m": [N, 2, N, 4, N]}) == values


def test_a_point_that_divides_by_zero_is_dropped():
    assert evaluate("a / b", {"a": [6, 6, 6], "b": [3, 0, N]}) == [2, N, N]


def test_one_missing_side_counts_as_zero():
    assert evaluate("a - b", {"a": [5, N, N], "b": [N, 3, N]}) == [5, -3, N]


def test_the_ids_that_an_expression_reads():
    assert metric_ids("IF(m_visible >= 0, m_visible / FILL(n, REPEAT))") == {"m_visible", "n"}


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("ANOMALY_DETECTION_BAND(m, 2)", "the function ANOMALY_DETECTION_BAND isn't modelled"),
        ("FILL(m, LINEAR)", "`LINEAR` isn't modelled"),
        ("FILL(m, m)", "FILL with a series isn't modelled"),
        ("FILL(3, 0)", "FILL takes a series"),
        ("m +", "it ends too early"),
        ("(m", "it ends too early"),
        ("m n", "`n` isn't expected there"),
        ("m % 2", "`%` isn't understood"),
        ("m ** 2", r"`\*` isn't expected there"),
        ("m // 2", "`/` isn't expected there"),
        ("m & 1", "`&` isn't understood"),
        ("m[0]", r"`\[` isn't understood"),
        ("m.real", "`.` isn't understood"),
        ("'m'", "`'` isn't understood"),
        ("", "it ends too early"),
        ("m)", r"`\)` isn't expected there"),
        ("IF(m, 1, )", r"`\)` isn't expected there"),
        ("IF(m, 1, ^m)", "what Python calls Call isn't modelled"),
        ("+m", "what Python calls UnaryOp isn't modelled"),
        ("m, m", "what Python calls Tuple isn't modelled"),
        ("IF(m, 1)(1)", "what Python calls Call isn't modelled"),
        ("IF(*m, 1)", "what Python calls Starred isn't modelled"),
        ("1 < m < 2", "what Python calls Compare isn't modelled"),
        ("lambda", "`lambda` can't be a metric's id here"),
        ("m and m", "`and` can't be a metric's id here"),
        ("__import__", "`__import__` isn't modelled"),
        ("REPEAT + m", "`REPEAT` isn't modelled"),
        ("9 ^ 999", "a number is divided by zero, or has no such power"),
        ("IF(m)", "IF with 1 arguments"),
        ("missing_id + 1", "`missing_id` is no metric of this alarm; it has m"),
        ("1 / 0", "a number is divided by zero"),
    ],
)
def test_unsupported_expressions_are_refused(expression, reason):
    with pytest.raises(ExpressionError, match=reason.replace("(", r"\(")):
        evaluate(expression, {"m": [1.0]})


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 5_000 + "m" + ")" * 5_000,
        "-" * 5_000 + "m",
        "m" + "+m" * 5_000,
        "2" + "^2" * 5_000,
        "CEIL(" * 5_000 + "m" + ")" * 5_000,
        "m" + " AND m" * 5_000,
    ],
)
def test_too_long_expressions_are_refused(expression):
    with pytest.raises(ExpressionError, match="numbers, names and signs; 200 are allowed"):
        evaluate(expression, {"m": [1.0]})


@pytest.mark.parametrize(
    "expression",
    ["(" * 99 + "m" + ")" * 99, "-" * 198 + "m", "m" + "+m" * 99, "CEIL(" * 66 + "m" + ")" * 66, "1" * 5_000 + "> m"],
)
def test_the_longest_expressions_are_evaluated_or_refused(expression):
    try:
        assert len(evaluate(expression, {"m": [1.0]})) == 1
    except ExpressionError:
        assert expression.startswith("1")
