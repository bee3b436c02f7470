"""What a container's limits are in the kernel's files."""

from typing import Any

import pytest

from meltemi.core.node.limits import Limits, files, limits_of


@pytest.mark.parametrize(
    ("said", "want"),
    [
        ({}, Limits()),
        ({"memory": "64Mi"}, Limits(memory=64 << 20)),
        ({"memory": 1_000_000}, Limits(memory=1_000_000)),
        ({"cpu": "250m"}, Limits(cpu=25_000)),
        ({"cpu": 2}, Limits(cpu=200_000)),
        ({"cpu": "1m", "memory": "1"}, Limits(cpu=1_000, memory=4096)),
        ({"ephemeral-storage": "1Gi"}, Limits()),
    ],
)
def test_what_a_container_says(said: dict[str, Any], want: Limits) -> None:
    limits = limits_of({"name": "c", "resources": {"limits": said}})

    assert limits == want
    assert bool(limits) == (want != Limits())
    assert limits_of({"name": "c"}) == Limits()


def test_what_is_no_quantity() -> None:
    with pytest.raises(ValueError, match="much"):
        limits_of({"resources": {"limits": {"memory": "much"}}})


BOTH = Limits(memory=1 << 20, cpu=50_000)


@pytest.mark.parametrize(
    ("limits", "unified", "want"),
    [
        (BOTH, True, {"memory.max": "1048576", "memory.oom.group": "1", "cpu.max": "50000 100000"}),
        (BOTH, False,
         {"memory.limit_in_bytes": "1048576", "cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"}),
        (Limits(cpu=1000), True, {"cpu.max": "1000 100000"}),
        (Limits(), False, {}),
    ],
)  # fmt: skip
def test_files(limits: Limits, *, unified: bool, want: dict[str, str]) -> None:
    found = list(files(limits, unified=unified))

    assert {one.name: one.text for one in found} == want
    assert all(one.name.startswith(one.controller) for one in found)
