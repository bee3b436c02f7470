"""StatefulSets: pods with names of their own, made and replaced one after the other.

Place:  node · [stateful_sets] → Pods
API:    apps/v1, StatefulSet
Source: Kubernetes, concepts/workloads/controllers/statefulset, "Deployment and Scaling Guarantees", "Update strategies"
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from meltemi.core.model.value import Value
from meltemi.core.node.availability import count, min_ready_seconds
from meltemi.core.node.objects import (
    Action,
    Delete,
    Object,
    Put,
    Tree,
    is_deleting,
    is_finished,
    items,
    merged,
    meta,
    part,
    spec,
    status,
)
from meltemi.core.node.pods import Round, pod_of
from meltemi.core.node.replica_sets import replicas_of
from meltemi.core.node.revisions import HASH_LABEL, newest_name, revision_actions, revision_of, template_of

POD_LABEL, INDEX_LABEL = "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"


class _Set(Value, frozen=True, kw_only=True, eq=False):
    """One StatefulSet as it is and as it should be."""

    object: Object
    pods: Mapping[int, Object]
    revisions: Sequence[Object]
    now: float
    newest: str
    current: str
    """The revision that all pods had when they last had the same."""

    @property
    def spec(self) -> Tree:
        return spec(self.object.tree)

    @property
    def wanted(self) -> range:
        first = int(part(self.spec, "ordinals").get("start") or 0)
        return range(first, first + replicas_of(self.object.tree))

    @property
    def parallel(self) -> bool:
        return self.spec.get("podManagementPolicy") == "Parallel"

    @property
    def partition(self) -> int:
        return int(part(part(self.spec, "updateStrategy"), "rollingUpdate").get("partition") or 0)

    def healthy(self, number: int) -> bool:
        """The pod is there and has been ready for long enough."""
        pod = self.pods.get(number)
        return bool(pod) and count([pod], min_ready=min_ready_seconds(self.object.tree), now=self.now).available == 1

    def revision_for(self, number: int) -> str:
        """Pods below the partition stay what they are, also when they are made again."""
        return self.current if number - self.wanted.start < self.partition else self.newest


def stateful_set_actions(set_: Object, pods: Sequence[Object], revisions: Sequence[Object], *, now: float) -> Round:
    """What one StatefulSet needs done. `pods`, `revisions`: those that it owns; `now`: seconds since 1970."""
    if is_deleting(set_.tree):
        return Round()
    newest = newest_name(set_)
    known = {one.key.name for one in revisions}
    told = str(status(set_.tree).get("currentRevision") or "")
    whole = _Set(
        object=set_,
        pods={number: pod for pod in pods if (number := _number(set_, pod)) is not None},
        revisions=revisions,
        now=now,
        newest=newest,
        current=told if told in known else newest,
    )
    used = {whole.current, *map(revision_of, pods)}
    counted = count(pods, min_ready=min_ready_seconds(set_.tree), now=now)
    actions = (*revision_actions(set_, revisions, used), *_pods(whole), *_status(whole))
    return Round(actions=actions, again=counted.wait)


def _number(set_: Object, pod: Object) -> int | None:
    stem, _, number = pod.key.name.rpartition("-")
    return int(number) if stem == set_.key.name and number.isdecimal() else None


def _pods(whole: _Set) -> Iterator[Action]:
    """The next step; in order, a step waits until the one before has been taken."""
    steps = [*_repair(whole), *_shrink(whole)]
    yield from steps if whole.parallel else steps[:1]
    well = len(whole.pods) == len(whole.wanted) and all(map(whole.healthy, whole.wanted))
    if not steps and (whole.parallel or well):
        yield from _update(whole)


def _repair(whole: _Set) -> Iterator[Action]:
    """Missing pods, from the first on. In order, an unhealthy pod holds up all that come after it."""
    for number in whole.wanted:
        pod = whole.pods.get(number)
        if pod is None:
            yield _pod(whole, number)
        elif is_finished(pod.tree) and not is_deleting(pod.tree):
            yield Delete(key=pod.key)
        if not whole.parallel and not whole.healthy(number):
            return


def _shrink(whole: _Set) -> Iterator[Action]:
    """Pods that are too many, from the last on. In order, one leaves at a time, and only while all others are well."""
    extra = sorted((number for number in whole.pods if number not in whole.wanted), reverse=True)
    leaving = [number for number in extra if is_deleting(whole.pods[number].tree)]
    if not whole.parallel and (leaving or not all(map(whole.healthy, whole.wanted))):
        return
    for number in extra:
        if number not in leaving:
            yield Delete(key=whole.pods[number].key)


def _update(whole: _Set) -> Iterator[Action]:
    """Replace pods of another revision, from the last on, one at a time."""
    if part(whole.spec, "updateStrategy").get("type") == "OnDelete" or any(is_deleting(p.tree) for p in _listed(whole)):
        return
    for number in reversed(whole.wanted[whole.partition :]):
        pod = whole.pods.get(number)
        if pod and revision_of(pod) != whole.newest:
            yield Delete(key=pod.key)
            return
        if not whole.healthy(number):
            return


def _listed(whole: _Set) -> list[Object]:
    return [whole.pods[number] for number in sorted(whole.pods)]


def _pod(whole: _Set, number: int) -> Put:
    name, revision = f"{whole.object.key.name}-{number}", whole.revision_for(number)
    template = {**template_of(whole.object, revision, whole.revisions)}
    template.pop("$patch", None)
    claims: list[dict[str, Any]] = [
        {"name": meta(claim).get("name"), "emptyDir": {}} for claim in items(whole.spec, "volumeClaimTemplates")
    ]
    more: dict[str, Any] = {"hostname": name, "subdomain": whole.spec.get("serviceName") or ""}
    if claims:
        more["volumes"] = [*items(spec(template), "volumes"), *claims]
    labels = {POD_LABEL: name, INDEX_LABEL: str(number), HASH_LABEL: revision}
    return pod_of(whole.object, template, name, labels=labels, more=more)


def _status(whole: _Set) -> Iterator[Put]:
    pods = _listed(whole)
    counted = count(pods, min_ready=min_ready_seconds(whole.object.tree), now=whole.now)
    of = [revision_of(pod) for pod in pods if not is_deleting(pod.tree)]
    done = counted.available == len(whole.wanted) and all(revision == whole.newest for revision in of)
    current = whole.newest if done else whole.current
    told = {
        "observedGeneration": int(meta(whole.object.tree).get("generation") or 0),
        "replicas": counted.present,
        "readyReplicas": counted.ready,
        "availableReplicas": counted.available,
        "currentReplicas": of.count(current),
        "updatedReplicas": of.count(whole.newest),
        "currentRevision": current,
        "updateRevision": whole.newest,
    }
    if told != status(whole.object.tree):
        tree = merged(whole.object.tree, "status", value=told)
        yield Put(key=whole.object.key, tree=tree, expected=whole.object.revision)
