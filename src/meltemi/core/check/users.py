"""Users that a pod asks for, where the machine has one only (a mesh without root).

Place:  an object as it was written → [check/users] → findings, beside those of check/validate · apps/control_plane
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from meltemi.core.check.report import at, warning
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding

Tree = Mapping[str, Any]
_PODS = {"Pod": ("spec",), "CronJob": ("spec", "jobTemplate", "spec", "template", "spec")}
_TEMPLATE = ("spec", "template", "spec")
_CONTAINERS = ("initContainers", "containers")


def unheld_users(tree: Tree) -> tuple[Finding, ...]:
    """A warning for each user or group of a pod that does not exist here; a pod that something made has none."""
    if tree.get("kind") == "Pod" and _part(tree, "metadata").get("ownerReferences"):
        return ()
    steps = _PODS.get(str(tree.get("kind")), _TEMPLATE)
    spec: Tree = tree
    for step in steps:
        spec = _part(spec, step)
    return tuple(_in_pod(spec, at(Path(steps[0]), *steps[1:])))


def _in_pod(spec: Tree, path: Path) -> Iterator[Finding]:
    yield from _asked(_part(spec, "securityContext"), at(path, "securityContext"))
    for word in _CONTAINERS:
        containers = spec.get(word)
        for i, container in enumerate(cast("list[object]", containers) if isinstance(containers, list) else ()):
            yield from _asked(_part(container, "securityContext"), at(path, word, i, "securityContext"))


def _asked(context: Tree, path: Path) -> Iterator[Finding]:
    for name in ("runAsUser", "runAsGroup", "fsGroup"):
        if context.get(name):
            message = f"there is no user {context[name]} in a mesh without root: it is user 0, without capabilities"
            yield warning("M2803", at(path, name), message, "run the mesh as root where users must differ")


def _part(tree: object, name: str) -> Tree:
    found = cast("Tree", tree).get(name) if isinstance(tree, dict) else None
    return cast("Tree", found) if isinstance(found, dict) else {}
