"""Users that a pod asks for, where the machine has one only (a mesh without root).

Place:  an object as it was written → [check/users] → findings, beside those of check/validate · apps/control_plane
"""

from collections.abc import Iterator

from meltemi.core.check.pod_templates import Tree, containers, part, pod_spec
from meltemi.core.check.report import at, warning
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding


def unheld_users(tree: Tree) -> tuple[Finding, ...]:
    """A warning for each user or group of a pod that does not exist here; a pod that something made has none."""
    return tuple(_in_pod(*pod_spec(tree)))


def _in_pod(spec: Tree, path: Path) -> Iterator[Finding]:
    yield from _asked(part(spec, "securityContext"), at(path, "securityContext"))
    for container, place in containers(spec, path):
        yield from _asked(part(container, "securityContext"), at(place, "securityContext"))


def _asked(context: Tree, path: Path) -> Iterator[Finding]:
    for name in ("runAsUser", "runAsGroup", "fsGroup"):
        if context.get(name):
            message = f"there is no user {context[name]} in a mesh without root: it is user 0, without capabilities"
            yield warning("M2803", at(path, name), message, "run the mesh as root where users must differ")
