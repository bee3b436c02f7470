"""Limits of containers, where the machine does not let them be held to them.

Place:  an object as it was written → [check/limits] → findings, beside those of check/validate · apps/control_plane
"""

from collections.abc import Iterator

from meltemi.core.check.pod_templates import Tree, containers, part, pod_spec
from meltemi.core.check.report import at, note
from meltemi.core.check.workloads import INJECTED
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding

HELD = ("cpu", "memory")
"""What cgroups hold containers to; of the rest (`ephemeral-storage`, …) the embedded node knows nothing."""
TIP = "the downward API tells them; run the mesh as root, on a machine with cgroups for memory and CPU"


def unheld_limits(tree: Tree, *, allowed: bool) -> tuple[Finding, ...]:
    """A note for each limit that nobody holds a container to. `allowed`: the mesh may use cgroups."""
    return tuple(_in_pod(*pod_spec(tree), allowed=allowed))


def _in_pod(spec: Tree, path: Path, *, allowed: bool) -> Iterator[Finding]:
    for container, place in containers(spec, path):
        limits = part(part(container, "resources"), "limits")
        if container.get("name") in INJECTED or not limits:
            continue
        whole = at(place, "resources", "limits")
        if not allowed and any(name in limits for name in HELD):
            yield note("M1303", whole, "containers are not held to their limits here", TIP)
        for name in limits:
            if name not in HELD:
                yield note("M1303", at(whole, name), f"nobody holds the container to its {name!r}")
