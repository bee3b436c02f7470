"""What a sidecar and the control plane cost with many services, and what a first request costs.

Place:  bench/ondemand · mesh → [sidecars] → rows
"""

from collections.abc import Sequence

from bench.ondemand.mesh import LiveMesh, live_mesh

CALLED, FIRST = 20, 300
ROOM, WAIT, MOST = 20, 50, 600
"""What issue 8 asks for: MB that a sidecar may be above an empty one, ms of a first request above later ones, MB of
the control plane."""
Row = tuple[object, ...]
LINE = ("what", "figure", "to reach")
GROWTH = ("services", "full (MB)", "on demand (MB)", "full: ready after (s)", "on demand: ready after (s)")


def measured(sizes: Sequence[int]) -> tuple[list[Row], list[Row]]:
    """Rows of the line that is to be reached, in a mesh of the largest size, and of a new sidecar for each size."""
    *smaller, largest = sizes
    with live_mesh("caller", "timer") as mesh:
        line = _line(mesh, largest)
        last = _sidecars(mesh, largest)
        line.insert(3, ("… that holds all (full)", f"{last[1]} MB", ""))
    with live_mesh() as mesh:
        rows = [_grown(mesh, before, size) for before, size in zip((0, *smaller), smaller, strict=False)]
    return line, [*rows, last]


def _line(mesh: LiveMesh, services: int) -> list[Row]:
    empty = mesh.memory("caller-")
    mesh.write(range(services))
    names = [f"service-{i}" for i in range(services)]
    mesh.ask("caller-", names[-1:])  # settled, once it is answered
    before = mesh.memory("caller-")
    mesh.ask("caller-", names[:CALLED])
    after = mesh.memory("caller-")
    # spread, so that no two share anything but the table
    taken = mesh.ask("timer-", names[:: max(1, services // (FIRST + 1))][: FIRST + 1])
    first, later = sorted(taken["first"]), sorted(taken["later"])
    return [
        ("an empty sidecar, no services", f"{empty:.0f} MB", ""),
        (f"… that has called one of {services:,}", f"{before:.0f} MB", ""),
        (f"… that has called {CALLED} of them", f"{after:.0f} MB", f"≤ {empty + ROOM:.0f} MB"),
        ("control plane, the most", f"{mesh.most():.0f} MB", f"≤ {MOST} MB"),
        (f"a first request, p50 of {len(first)}", f"{_part(first, 0.5):.1f} ms", ""),
        ("a later request, p50", f"{_part(later, 0.5):.1f} ms", ""),
        ("a first request, p99", f"{_part(first, 0.99):.1f} ms", f"≤ {_part(later, 0.99) + WAIT:.1f} ms"),
        ("a later request, p99", f"{_part(later, 0.99):.1f} ms", ""),
    ]


def _grown(mesh: LiveMesh, before: int, services: int) -> Row:
    mesh.write(range(before, services))
    return _sidecars(mesh, services)


def _sidecars(mesh: LiveMesh, services: int) -> Row:
    """A new one of each kind, that calls nothing."""
    found: list[tuple[float, float]] = []
    for discovery in ("full", "ondemand"):
        name = f"{discovery}-{services}"
        mesh.start(name, discovery)
        found.append((mesh.memory(f"{name}-"), mesh.ready_after(f"{name}-")))
        mesh.end(name)
    (full, full_after), (demand, demand_after) = found
    return services, f"{full:.0f}", f"{demand:.0f}", f"{full_after:.2f}", f"{demand_after:.2f}"


def _part(ordered: list[float], part: float) -> float:
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]
