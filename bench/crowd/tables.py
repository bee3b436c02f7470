"""The tables of a crowd, as Markdown.

Place:  bench/crowd · step → [tables] → command, docs/reference/performance.md
"""

from collections.abc import Sequence

from bench.crowd.step import Step, World
from bench.measure import table

COST = (
    "what", "CPU (s)", "API (s)", "check (s)", "derive (s)", "push (s)", "floor (s)", "push / floor", "CPU / floor",
)  # fmt: skip
SEEN = ("what", "to the last (ms)", "MB sent", "pushes", "held already", "not touched", "most memory (MB)")
GROWTH = (
    "what", "services", "streams", "CPU (s)", "times", "push (s)", "times", "CPU a stream (ms)", "CPU an object (ms)",
    "to the last (ms)", "times", "most memory (MB)", "times",
)  # fmt: skip


def costs(steps: Sequence[Step]) -> str:
    """What the CPU of each step consists of, beside the floor."""
    return table(
        COST,
        [
            (
                one.what,
                *(_seconds(part) for part in (one.cost.whole, one.cost.api, one.cost.check, one.cost.derive)),
                _seconds(one.cost.push),
                _seconds(one.floor) if one.floor else "",
                _times(one.cost.push, one.floor),
                _times(one.cost.whole, one.floor),
            )
            for one in steps
        ],
    )


def seen(steps: Sequence[Step]) -> str:
    """What proxies saw of each step."""
    return table(
        SEEN,
        [
            (
                one.what,
                f"{one.last:,.0f}",
                f"{one.sent / 1e6:,.2f}",
                round(one.pushes),
                round(one.again),
                round(one.outside),
                f"{one.memory:.0f}",
            )
            for one in steps
        ],
    )


def growth(worlds: Sequence[World], middle: tuple[int, int]) -> str:
    """Every step in all worlds: those of more services, and those of more streams. `times`: what the middle one has."""
    found = {
        (one.services, one.streams): {step.what.lstrip("0123456789 "): step for step in one.steps} for one in worlds
    }
    services = [size for size in sorted(found) if size[1] == middle[1]]
    streams = [size for size in sorted(found) if size[0] == middle[0] and size != middle]
    rows = [
        _grown(what, size, found[size][what], base)
        for what, base in found[middle].items()
        for size in (*services, *streams)
    ]
    return table(GROWTH, rows)


def _grown(what: str, size: tuple[int, int], step: Step, base: Step) -> tuple[object, ...]:
    cost = step.cost
    return (
        what,
        *size,
        _seconds(cost.whole),
        _times(cost.whole, base.cost.whole),
        _seconds(cost.push),
        _times(cost.push, base.cost.push),
        f"{1000 * cost.whole / size[1]:.2f}",
        f"{1000 * cost.whole / step.objects:.2f}" if step.objects else "",
        f"{step.last:,.0f}",
        _times(step.last, base.last),
        f"{step.memory:.0f}",
        _times(step.memory, base.memory),
    )


def _seconds(value: float) -> str:
    return f"{value:.3f}"


def _times(value: float, base: float) -> str:
    return f"{value / base:.2f}" if base else ""
