"""Kubernetes' quantities."""

from fractions import Fraction

import pytest

from meltemi.core.node.quantity import quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("2", 2),
        ("100m", Fraction(1, 10)),
        ("1.5", Fraction(3, 2)),
        (".5", Fraction(1, 2)),
        ("128Mi", 128 << 20),
        ("1.5Gi", 3 << 29),
        ("3k", 3000),
        ("1E", 10**18),
        ("1e3", 1000),
        ("12E-1", Fraction(6, 5)),
        ("-1", -1),
    ],
)
def test_a_quantity_is_a_number(text: str, number: Fraction) -> None:
    assert quantity(text) == number


@pytest.mark.parametrize("text", ["", "m", "1 Gi", "1KiB", "1mi", "one", "1e"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        quantity(text)
