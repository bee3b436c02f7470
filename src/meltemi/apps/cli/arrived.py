"""When what a user waits for is there, for each kind that the node or Kubernetes brings to life.

Place:  apps/cli · objects of the API → [arrived] → wait
Source: Kubernetes, kubectl rollout status; Job, conditions.
"""

from collections.abc import Callable
from typing import Any

from meltemi.apps.cli.tables import items, part

Tree = dict[str, Any]


def is_ready(pod: Tree) -> bool:
    """The pod serves, and is not about to go."""
    return condition(pod, "Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def deployment(one: Tree) -> bool:
    """All replicas are of the current template and available, and no old one is left."""
    return _current(one) and _counts(one, "replicas", "updatedReplicas", "availableReplicas") == [_wanted(one)] * 3


def replica_set(one: Tree) -> bool:
    """All replicas are available."""
    return _current(one) and _counts(one, "replicas", "availableReplicas") == [_wanted(one)] * 2


def stateful_set(one: Tree) -> bool:
    """All replicas are ready, and those that shall be are of the current template."""
    strategy = part(part(one, "spec"), "updateStrategy")
    if not _current(one) or _counts(one, "replicas", "readyReplicas") != [_wanted(one)] * 2:
        return False
    if strategy.get("type") == "OnDelete":
        return True
    kept: int = part(strategy, "rollingUpdate").get("partition") or 0
    return _counts(one, "updatedReplicas")[0] >= _wanted(one) - kept


def daemon_set(one: Tree) -> bool:
    """Every node has a pod of the current template that is available."""
    names = ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable")
    return _current(one) and len(set(_counts(one, *names))) == 1


def job(one: Tree) -> bool:
    """It has come to its end."""
    return condition(one, "Complete") == "True"


def lost(one: Tree) -> str:
    """Why it will never come; empty while it may."""
    if one["kind"] != "Job":
        return ""
    failed = [c for c in items(part(one, "status"), "conditions") if (c["type"], c["status"]) == ("Failed", "True")]
    return "".join(f"failed: {c.get('reason') or ''} {c.get('message') or ''}".rstrip() for c in failed)


ARRIVED: dict[str, Callable[[Tree], bool]] = {
    "Pod": is_ready,
    "Deployment": deployment,
    "ReplicaSet": replica_set,
    "StatefulSet": stateful_set,
    "DaemonSet": daemon_set,
    "Job": job,
}
"""By kind: whether an object that is there is as it shall be."""


def condition(one: Tree, name: str) -> str:
    """The status of a condition; empty where there is none."""
    conditions = items(part(one, "status"), "conditions")
    return next((str(c.get("status")) for c in conditions if str(c.get("type")).lower() == name.lower()), "")


def _current(one: Tree) -> bool:
    """Whoever writes the status has seen what the object says."""
    seen = int(part(one, "status").get("observedGeneration") or 0)
    return seen >= int(one["metadata"].get("generation") or 0)


def _wanted(one: Tree) -> int:
    return part(one, "spec").get("replicas", 1)


def _counts(one: Tree, *names: str) -> list[int]:
    return [part(one, "status").get(name) or 0 for name in names]
