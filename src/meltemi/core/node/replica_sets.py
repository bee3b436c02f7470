"""ReplicaSets: as many pods as were asked for.

Place:  node · deployments → [replica_sets] → Pods
API:    apps/v1, ReplicaSet
"""

from collections.abc import Iterator, Sequence

import msgspec

from meltemi.core.node.availability import Count, count, is_active, min_ready_seconds
from meltemi.core.node.objects import (
    Action,
    Delete,
    Object,
    Put,
    Tree,
    is_deleting,
    is_finished,
    is_ready,
    merged,
    meta,
    part,
    spec,
    status,
)
from meltemi.core.node.pods import generated, pod_of


def replicas_of(workload: Tree) -> int:
    """spec.replicas, 1 where it is not written."""
    written = spec(workload).get("replicas")
    return 1 if written is None else int(written)


def replica_set_actions(rs: Object, pods: Sequence[Object], *, suffixes: Iterator[str], now: float) -> Iterator[Action]:
    """What one ReplicaSet needs done. `pods`: those that it owns; `suffixes`: random ends of names, 5 characters."""
    if is_deleting(rs.tree):
        return
    active = [pod for pod in pods if is_active(pod.tree)]
    yield from (Delete(key=p.key) for p in pods if is_finished(p.tree) and not is_deleting(p.tree))
    missing = replicas_of(rs.tree) - len(active)
    for _ in range(missing):
        yield new_pod(rs, next(suffixes))
    if missing < 0:
        yield from (Delete(key=pod.key) for pod in sorted(active, key=_worth)[:-missing])
    yield from _status(rs, count(pods, min_ready=min_ready_seconds(rs.tree), now=now))


def new_pod(rs: Object, suffix: str) -> Put:
    """A pod as the template says."""
    made = pod_of(rs, part(spec(rs.tree), "template"), generated(rs, suffix))
    tree = merged(made.tree, "metadata", "generateName", value=f"{rs.key.name}-")
    return msgspec.structs.replace(made, tree=tree)


def _worth(pod: Object) -> tuple[bool, bool, bool, int]:
    """Whom a smaller ReplicaSet can spare first: not placed, not running, not ready, youngest.

    Source: Kubernetes, ReplicaSet, "Scaling a ReplicaSet".
    """
    tree = pod.tree
    placed = bool(spec(tree).get("nodeName"))
    return placed, status(tree).get("phase") == "Running", is_ready(tree), -pod.revision


def _status(rs: Object, pods: Count) -> Iterator[Put]:
    told = {
        "replicas": pods.present,
        "fullyLabeledReplicas": pods.present,
        "readyReplicas": pods.ready,
        "availableReplicas": pods.available,
        "observedGeneration": int(meta(rs.tree).get("generation") or 0),
    }
    if told != status(rs.tree):
        yield Put(key=rs.key, tree=merged(rs.tree, "status", value=told), expected=rs.revision)
