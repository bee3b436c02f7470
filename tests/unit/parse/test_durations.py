"""Durations as Go reads them."""

import pytest

from meltemi.core.parse.durations import duration

# fmt: off
CASES: dict[str, float | None] = {
    "10s": 10, "1.5h": 5400, "250ms": 0.25, "1h2m3s": 3723, "0": 0, "0s": 0, "-1s": -1, ".5s": 0.5, "+2s": 2, "1.s": 1,
    "": None, "10": None, "s": None, "1d": None, "1 s": None, "1s ": None, "99999999999h": None, "1e3s": None,
}
# fmt: on


@pytest.mark.parametrize(("text", "seconds"), CASES.items(), ids=repr)
def test_duration(text: str, seconds: float | None):
    assert duration(text) == seconds
