"""Pods in objects as they were written, before they are typed: for what depends on the machine.

Place:  an object → [check/pod_templates] → check/users, check/limits
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from meltemi.core.check.report import at
from meltemi.core.model.document import Path

Tree = Mapping[str, Any]
_PODS = {"Pod": ("spec",), "CronJob": ("spec", "jobTemplate", "spec", "template", "spec")}
_TEMPLATE = ("spec", "template", "spec")
_CONTAINERS = ("initContainers", "containers")


def pod_spec(tree: Tree) -> tuple[Tree, Path]:
    """A pod's spec and its place; empty where the object has none, or where something else than its author made it."""
    steps = _PODS.get(str(tree.get("kind")), _TEMPLATE)
    path = at(Path(steps[0]), *steps[1:])
    if tree.get("kind") == "Pod" and part(tree, "metadata").get("ownerReferences"):
        return {}, path
    spec: Tree = tree
    for step in steps:
        spec = part(spec, step)
    return spec, path


def containers(spec: Tree, path: Path) -> Iterator[tuple[Tree, Path]]:
    """Containers of a pod's spec, those that begin it first."""
    for word in _CONTAINERS:
        listed = spec.get(word)
        for i, container in enumerate(cast("list[object]", listed) if isinstance(listed, list) else ()):
            if isinstance(container, dict):
                yield cast("Tree", container), at(path, word, i)


def part(tree: object, name: str) -> Tree:
    """An object inside another; empty where there is none."""
    found = cast("Tree", tree).get(name) if isinstance(tree, dict) else None
    return cast("Tree", found) if isinstance(found, dict) else {}
