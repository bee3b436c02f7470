"""Kubernetes objects as the node reads and writes them: JSON trees, so that nothing that it does not know gets lost.

Place:  node · read by deployments, replica_sets, endpoint_slices, garbage, services, dns
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, cast

from meltemi.core.model.document import Key
from meltemi.core.model.value import Value

Tree: TypeAlias = Mapping[str, Any]
"""A Kubernetes object, or a part of one."""

APPS = "apps"
DISCOVERY = "discovery.k8s.io"


class Object(Value, frozen=True, kw_only=True, eq=False):
    """One stored object."""

    key: Key
    revision: int
    tree: Tree


class Put(Value, frozen=True, kw_only=True):
    """Write an object. `expected`: the revision that it replaces, 0 to create it."""

    key: Key
    tree: Tree
    expected: int


class Delete(Value, frozen=True, kw_only=True):
    """Remove an object; a Pod goes gracefully."""

    key: Key


Action: TypeAlias = Put | Delete


def part(tree: Tree, name: str) -> Tree:
    """A mapping inside a tree; empty where it is missing or null."""
    return tree.get(name) or {}


def meta(tree: Tree) -> Tree:
    """The object's metadata."""
    return part(tree, "metadata")


def spec(tree: Tree) -> Tree:
    """The object's spec."""
    return part(tree, "spec")


def status(tree: Tree) -> Tree:
    """The object's status."""
    return part(tree, "status")


def uid_of(tree: Tree) -> str:
    """metadata.uid."""
    return str(meta(tree).get("uid") or "")


def labels_of(tree: Tree) -> Mapping[str, str]:
    """metadata.labels."""
    return meta(tree).get("labels") or {}


def annotations_of(tree: Tree) -> Mapping[str, str]:
    """metadata.annotations."""
    return meta(tree).get("annotations") or {}


def items(tree: Tree, name: str) -> list[dict[str, Any]]:
    """A list of a tree; empty where it is missing or null."""
    return tree.get(name) or []


def is_deleting(tree: Tree) -> bool:
    """Deletion was asked for; the object still exists."""
    return bool(meta(tree).get("deletionTimestamp"))


def owner_uids(tree: Tree) -> tuple[str, ...]:
    """The uids of all owners."""
    return tuple(str(owner.get("uid") or "") for owner in items(meta(tree), "ownerReferences"))


def owned(objects: Iterable[Object], owner: Object) -> list[Object]:
    """The objects that one object controls."""
    uid = uid_of(owner.tree)
    return [o for o in objects if uid in owner_uids(o.tree)]


def owner_reference(owner: Tree) -> dict[str, Any]:
    """The reference by which an object says whose it is."""
    return {
        "apiVersion": owner.get("apiVersion") or "apps/v1",
        "kind": owner.get("kind"),
        "name": meta(owner).get("name"),
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def merged(tree: Tree, *path: str, value: Any) -> dict[str, Any]:
    """A copy of a tree with another value at a path."""
    head, *rest = path
    inner = merged(cast("Tree", tree.get(head) or {}), *rest, value=value) if rest else value
    return {**tree, head: inner}


def pod_ip(pod: Tree) -> str:
    """The pod's first address; empty until it has one."""
    return str(status(pod).get("podIP") or "")


def condition(tree: Tree, kind: str) -> Tree:
    """One condition of the object's status; empty where it is missing."""
    nothing: Tree = {}
    return next((c for c in items(status(tree), "conditions") if c.get("type") == kind), nothing)


def is_finished(pod: Tree) -> bool:
    """The pod has run to its end, well or badly."""
    return status(pod).get("phase") in ("Succeeded", "Failed")


def is_ready(pod: Tree) -> bool:
    """The pod's condition Ready is true, whether it is being deleted or not."""
    return condition(pod, "Ready").get("status") == "True"
