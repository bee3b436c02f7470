"""What a container may use at most, and what that is in the kernel's files.

Place:  node · a container of a Pod → [limits] → shell/runtime/cgroups
Source: Linux, cgroup-v2.rst (memory.max, cpu.max), cgroup-v1/memory.rst, scheduler/sched-bwc.rst;
        kubelet, MilliCPUToQuota.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from meltemi.core.model.value import Value
from meltemi.core.node.quantity import quantity

PERIOD = 100_000
"""Microseconds in which a container may use its share of CPU."""
LEAST = 1_000
"""Microseconds that the kernel grants at least."""
LEAST_MEMORY = 4096
"""Bytes: less than a page is no limit that anything could live with."""


class Limits(Value, frozen=True, kw_only=True):
    """None: as much as there is."""

    memory: int | None = None
    """Bytes."""
    cpu: int | None = None
    """Microseconds of CPU in each PERIOD."""

    def __bool__(self) -> bool:
        return self.memory is not None or self.cpu is not None


class File(Value, frozen=True, kw_only=True):
    """One setting of a cgroup."""

    controller: str
    """`memory` or `cpu`; with cgroup v2 both are in one directory."""
    name: str
    text: str


def limits_of(container: Mapping[str, Any]) -> Limits:
    """What a container of a Pod says. Raises ValueError where a quantity is none."""
    resources: dict[str, Any] = container.get("resources") or {}
    said: dict[str, Any] = resources.get("limits") or {}
    memory, cpu = said.get("memory"), said.get("cpu")
    return Limits(
        memory=None if memory is None else max(LEAST_MEMORY, int(quantity(str(memory)))),
        cpu=None if cpu is None else max(LEAST, int(quantity(str(cpu)) * PERIOD)),
    )


def files(limits: Limits, *, unified: bool) -> Iterator[File]:
    """Settings in the order in which they are written. `unified`: cgroup v2."""
    if limits.memory is not None:
        yield File(
            controller="memory", name="memory.max" if unified else "memory.limit_in_bytes", text=str(limits.memory)
        )
        if unified:  # as kubelet: half a container is of no use
            yield File(controller="memory", name="memory.oom.group", text="1")
    if limits.cpu is None:
        return
    if unified:
        yield File(controller="cpu", name="cpu.max", text=f"{limits.cpu} {PERIOD}")
        return
    yield File(controller="cpu", name="cpu.cfs_period_us", text=str(PERIOD))
    yield File(controller="cpu", name="cpu.cfs_quota_us", text=str(limits.cpu))
