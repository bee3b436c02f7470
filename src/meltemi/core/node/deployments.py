"""Deployments: a ReplicaSet for each template, one growing while the others shrink.

Place:  node · [deployments] → replica_sets
API:    apps/v1, Deployment; in apps/v1beta1 and extensions/v1beta1 the selector is the template's labels by default
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from meltemi.core.model.document import Key
from meltemi.core.node.availability import Count, count, min_ready_seconds
from meltemi.core.node.deployment_status import deployment_status
from meltemi.core.node.hashes import short_hash
from meltemi.core.node.objects import (
    APPS,
    Action,
    Delete,
    Object,
    Put,
    Tree,
    annotations_of,
    is_deleting,
    labels_of,
    merged,
    owned,
    owner_reference,
    part,
    spec,
)
from meltemi.core.node.replica_sets import replicas_of
from meltemi.core.node.rollout import Share, bounds, recreate, rolling_update

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
HISTORY = 10
"""Default of revisionHistoryLimit."""
NOT_COPIED = ("kubectl.kubernetes.io/last-applied-configuration", REVISION)


def deployment_actions(
    deployment: Object, replica_sets: Sequence[Object], pods: Sequence[Object], *, now: float
) -> Iterator[Action]:
    """What one Deployment needs done. `replica_sets`: those that it owns; `pods`: at least theirs."""
    if is_deleting(deployment.tree):
        return
    name = new_name(deployment)
    min_ready = min_ready_seconds(deployment.tree)
    counts = {rs.key.name: count(owned(pods, rs), min_ready=min_ready, now=now) for rs in replica_sets}
    revision = _next_revision(name, replica_sets)
    if not spec(deployment.tree).get("paused"):
        sizes = _sizes(deployment, name, replica_sets, pods, counts)
        yield from _resize(deployment, name, replica_sets, sizes, revision)
    told = deployment_status(
        deployment.tree, new=counts.get(name, Count()), all_=tuple(counts.values()), name=name, now=now
    )
    tree = merged(deployment.tree, "status", value=told)
    tree = merged(tree, "metadata", "annotations", REVISION, value=str(revision))
    if tree != deployment.tree:
        yield Put(key=deployment.key, tree=tree, expected=deployment.revision)
    if counts.get(name, Count()).available >= replicas_of(deployment.tree):
        yield from _forget(deployment, name, replica_sets, pods)


def template_of(deployment: Tree) -> Tree:
    """spec.template."""
    return part(spec(deployment), "template")


def new_name(deployment: Object) -> str:
    """The name of the ReplicaSet for the template as it is now."""
    return f"{deployment.key.name}-{short_hash(template_of(deployment.tree), length=10)}"


def selector_of(deployment: Tree) -> Tree:
    """spec.selector, or the template's labels where an old API version leaves it out."""
    return spec(deployment).get("selector") or {"matchLabels": labels_of(template_of(deployment))}


def new_replica_set(deployment: Object, *, replicas: int, revision: int) -> Put:
    """A ReplicaSet for the template as it is now."""
    name = new_name(deployment)
    mark = {HASH_LABEL: name.rpartition("-")[2]}
    template = template_of(deployment.tree)
    labels = {**labels_of(template), **mark}
    selector = selector_of(deployment.tree)
    copied = {k: v for k, v in annotations_of(deployment.tree).items() if k not in NOT_COPIED}
    tree: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": deployment.key.namespace,
            "labels": labels,
            "annotations": {**copied, REVISION: str(revision)},
            "ownerReferences": [owner_reference(deployment.tree)],
        },
        "spec": {
            "replicas": replicas,
            "minReadySeconds": int(min_ready_seconds(deployment.tree)),
            "selector": {**selector, "matchLabels": {**part(selector, "matchLabels"), **mark}},
            "template": merged(template, "metadata", "labels", value=labels),
        },
    }
    key = Key(group=APPS, kind="ReplicaSet", namespace=deployment.key.namespace, name=name)
    return Put(key=key, tree=tree, expected=0)


def _sizes(
    deployment: Object, name: str, sets: Sequence[Object], pods: Sequence[Object], counts: Mapping[str, Count]
) -> dict[str, int]:
    """The next number of pods of each ReplicaSet, by name."""
    shares = {rs.key.name: _share(rs, owned(pods, rs), counts[rs.key.name]) for rs in sets}
    new = shares.pop(name, Share(name=name, replicas=0))
    old = [shares[rs.key.name] for rs in sorted(sets, key=revision_of) if rs.key.name != name]
    replicas = replicas_of(deployment.tree)
    if part(spec(deployment.tree), "strategy").get("type") == "Recreate":
        return recreate(new, old, replicas=replicas)
    return rolling_update(new, old, replicas=replicas, limits=bounds(deployment.tree, replicas))


def _share(rs: Object, pods: Sequence[Object], counted: Count) -> Share:
    return Share(
        name=rs.key.name,
        replicas=replicas_of(rs.tree),
        available=counted.available,
        leaving=sum(1 for pod in pods if is_deleting(pod.tree)),
    )


def _resize(
    deployment: Object, name: str, sets: Sequence[Object], sizes: Mapping[str, int], revision: int
) -> Iterator[Action]:
    """Write what differs."""
    if name not in {rs.key.name for rs in sets}:
        yield new_replica_set(deployment, replicas=sizes[name], revision=revision)
    for rs in sets:
        tree = rs.tree
        if replicas_of(tree) != sizes[rs.key.name]:
            tree = merged(tree, "spec", "replicas", value=sizes[rs.key.name])
        if rs.key.name == name and revision_of(rs) != revision:
            tree = merged(tree, "metadata", "annotations", REVISION, value=str(revision))
        if tree is not rs.tree:
            yield Put(key=rs.key, tree=tree, expected=rs.revision)


def revision_of(rs: Object) -> int:
    """Which revision of its Deployment a ReplicaSet is; 0 if it does not say."""
    written = annotations_of(rs.tree).get(REVISION, "")
    return int(written) if written.isdecimal() else 0


def _next_revision(name: str, sets: Iterable[Object]) -> int:
    """The new ReplicaSet's revision: it is the latest, also where the template went back to an older one."""
    own = 0
    latest = 0
    for rs in sets:
        if rs.key.name == name:
            own = revision_of(rs)
        else:
            latest = max(latest, revision_of(rs))
    return own if own > latest else latest + 1


def _forget(deployment: Object, name: str, sets: Sequence[Object], pods: Sequence[Object]) -> Iterator[Delete]:
    """Old ReplicaSets without pods, beyond those that are kept to go back to."""
    limit = spec(deployment.tree).get("revisionHistoryLimit")
    keep = HISTORY if limit is None else int(limit)
    old = [rs for rs in sorted(sets, key=revision_of) if rs.key.name != name and not is_deleting(rs.tree)]
    idle = [rs for rs in old if replicas_of(rs.tree) == 0 and not owned(pods, rs)]
    yield from (Delete(key=rs.key) for rs in idle[: max(0, len(old) - keep)])
