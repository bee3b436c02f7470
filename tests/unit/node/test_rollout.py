"""A rolling update never has more pods than surge allows, nor fewer available ones than it must."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meltemi.core.node.rollout import Bounds, Share, bounds, recreate, rolling_update

# fmt: off
BOUNDS: dict[str, tuple[Any, int, tuple[int, int]]] = {
    #                  rollingUpdate                               replicas → surge, unavailable
    "defaults of 1":   (None,                                            1, (1, 0)),
    "defaults of 3":   (None,                                            3, (1, 0)),
    "defaults of 10":  (None,                                           10, (3, 2)),
    "numbers":         ({"maxSurge": 2, "maxUnavailable": 1},            4, (2, 1)),
    "percentages":     ({"maxSurge": "50%", "maxUnavailable": "50%"},    3, (2, 1)),
    "nothing allowed": ({"maxSurge": 0, "maxUnavailable": 0},            3, (0, 1)),
    "more than all":   ({"maxSurge": 0, "maxUnavailable": 9},            3, (0, 3)),
}

STEPS = {
    #                        new (replicas, available)  old      bounds      → new, old
    "first pods":            ((0, 0), (4, 4), (1, 1),                          1, 3),
    "none may be missing":   ((1, 0), (4, 4), (1, 0),                          1, 4),
    "one has come":          ((1, 1), (4, 4), (1, 0),                          1, 3),
    "the last one":          ((4, 4), (1, 1), (1, 0),                          4, 0),
    "broken old pods first": ((1, 0), (4, 2), (1, 2),                          1, 2),
    "broken new pods":       ((2, 0), (3, 3), (1, 1),                          2, 3),
    "scaled down":           ((6, 6), (0, 0), (1, 1),                          4, 0),
}
# fmt: on


@pytest.mark.parametrize(("rolling", "replicas", "wanted"), BOUNDS.values(), ids=BOUNDS)
def test_bounds(rolling: Any, replicas: int, wanted: tuple[int, int]) -> None:
    got = bounds({"spec": {"strategy": {"rollingUpdate": rolling}}}, replicas)

    assert (got.surge, got.unavailable) == wanted


def share(name: str, sizes: tuple[int, int]) -> Share:
    return Share(name=name, replicas=sizes[0], available=sizes[1])


@pytest.mark.parametrize(("new", "old", "limits", "newer", "older"), STEPS.values(), ids=STEPS)
def test_next_step(new: tuple[int, int], old: tuple[int, int], limits: tuple[int, int], newer: int, older: int) -> None:
    allowed = Bounds(surge=limits[0], unavailable=limits[1])

    got = rolling_update(share("new", new), [share("old", old)], replicas=4, limits=allowed)

    assert got == {"new": newer, "old": older}


@given(st.integers(0, 6), st.integers(0, 3), st.integers(0, 3), st.lists(st.integers(0, 6), max_size=3))
def test_a_rollout_ends_and_keeps_its_bounds(replicas: int, surge: int, unavailable: int, before: list[int]) -> None:
    """Whatever it starts from, if every pod becomes available in the end."""
    limits = bounds({"spec": {"strategy": {"rollingUpdate": _rolling(surge, unavailable)}}}, replicas)
    sizes = {"new": 0, **{f"old{n}": size for n, size in enumerate(before)}}
    serving = sum(sizes.values())
    for _ in range(40):
        shares = [Share(name=name, replicas=size, available=size) for name, size in sizes.items()]
        after = rolling_update(shares[0], shares[1:], replicas=replicas, limits=limits)
        kept = sum(min(sizes[name], after[name]) for name in sizes)
        assert kept >= min(serving, replicas - limits.unavailable)
        assert sum(after.values()) <= max(serving, replicas + limits.surge)
        sizes, serving = after, sum(after.values())

    assert sizes == {"new": replicas, **{f"old{n}": 0 for n in range(len(before))}}


def _rolling(surge: int, unavailable: int) -> dict[str, int]:
    return {"maxSurge": surge, "maxUnavailable": unavailable}


def test_recreate_waits_until_the_last_old_pod_is_gone() -> None:
    new = Share(name="new", replicas=0)

    going = recreate(new, [Share(name="old", replicas=2, available=2)], replicas=2)
    leaving = recreate(new, [Share(name="old", replicas=0, leaving=1)], replicas=2)
    gone = recreate(new, [Share(name="old", replicas=0)], replicas=2)

    assert [step["new"] for step in (going, leaving, gone)] == [0, 0, 2]
