"""Objects for the tests of the node's decisions."""

from typing import Any

from meltemi.core.model.document import Key
from meltemi.core.node.objects import Object

NOW = 1_800_000_000.0
"""2027-01-15T08:00:00Z"""
WEB = {"app": "web"}


def stored(kind: str, name: str, tree: dict[str, Any], *, group: str = "", namespace: str = "default") -> Object:
    """An object as the store has it; its uid is its name."""
    metadata = {"name": name, "namespace": namespace, "uid": name, **tree.get("metadata", {})}
    key = Key(group=group, kind=kind, namespace=namespace, name=name)
    return Object(key=key, revision=7, tree={"kind": kind, **tree, "metadata": metadata})


def pod(
    name: str,
    *,
    ready: bool = True,
    since: str = "2020-01-01T00:00:00Z",
    leaving: bool = False,
    ip: str = "198.18.0.2",
    phase: str = "Running",
    owner: str = "",
    node: str = "meltemi",
    spec: dict[str, Any] | None = None,
) -> Object:
    """A pod with label app=web."""
    metadata: dict[str, Any] = {"labels": WEB, "ownerReferences": [{"uid": owner}] if owner else []}
    if leaving:
        metadata["deletionTimestamp"] = "2027-01-15T08:00:00Z"
    condition = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": since}
    status = {"phase": phase, "podIP": ip, "conditions": [condition]}
    return stored("Pod", name, {"metadata": metadata, "spec": {"nodeName": node, **(spec or {})}, "status": status})


def deployment(image: str = "one", **spec: Any) -> Object:
    """Deployment `web`."""
    template = {"metadata": {"labels": WEB}, "spec": {"containers": [{"name": "c", "image": image}]}}
    tree = {"spec": {"replicas": 2, "selector": {"matchLabels": WEB}, "template": template, **spec}}
    return stored("Deployment", "web", tree, group="apps")


def replica_set(name: str, replicas: int, *, revision: int = 1, **spec: Any) -> Object:
    """A ReplicaSet of Deployment `web`."""
    metadata = {
        "annotations": {"deployment.kubernetes.io/revision": str(revision)},
        "ownerReferences": [{"uid": "web"}],
    }
    template = {"metadata": {"labels": WEB}, "spec": {"containers": [{"name": "c"}]}}
    tree = {"metadata": metadata, "spec": {"replicas": replicas, "template": template, **spec}}
    return stored("ReplicaSet", name, tree, group="apps")
