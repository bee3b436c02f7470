"""DaemonSets: one pod on the one node.

Place:  node · [daemon_sets] → Pods
API:    apps/v1, DaemonSet
"""

from collections.abc import Iterator, Sequence

from meltemi.core.node.availability import count, is_active, min_ready_seconds
from meltemi.core.node.objects import (
    Action,
    Delete,
    Object,
    Put,
    is_deleting,
    is_finished,
    merged,
    meta,
    part,
    spec,
    status,
)
from meltemi.core.node.pods import Round, generated, pod_of
from meltemi.core.node.revisions import HASH_LABEL, newest_name, revision_actions, revision_of


def daemon_set_actions(
    set_: Object, pods: Sequence[Object], revisions: Sequence[Object], suffix: str, *, now: float
) -> Round:
    """What one DaemonSet needs done. `suffix`: the random end of a pod's name; `now`: seconds since 1970."""
    if is_deleting(set_.tree):
        return Round()
    wait = count(pods, min_ready=min_ready_seconds(set_.tree), now=now).wait
    actions = (
        *revision_actions(set_, revisions, map(revision_of, pods)),
        *_pods(set_, pods, suffix, now),
        *_status(set_, pods, now),
    )
    return Round(actions=actions, again=wait)


def _pods(set_: Object, pods: Sequence[Object], suffix: str, now: float) -> Iterator[Action]:
    yield from (Delete(key=pod.key) for pod in pods if is_finished(pod.tree) and not is_deleting(pod.tree))
    active = [pod for pod in pods if is_active(pod.tree)]
    newest = newest_name(set_)
    new = [pod for pod in active if revision_of(pod) == newest]
    old = [pod for pod in active if revision_of(pod) != newest]
    strategy = part(spec(set_.tree), "updateStrategy")
    surge = str(part(strategy, "rollingUpdate").get("maxSurge") or "0") not in ("0", "0%")
    by_hand = strategy.get("type") == "OnDelete"
    if by_hand:
        gone: list[Object] = []
    elif surge:
        gone = old if count(new, min_ready=min_ready_seconds(set_.tree), now=now).available else []
    else:
        gone = old
    yield from (Delete(key=pod.key) for pod in (*gone, *new[1:]))
    # Without surge a pod of old leaves before its successor comes: both may want the same port of the machine.
    if not new and ((surge and not by_hand) or not [pod for pod in pods if not is_finished(pod.tree)]):
        template = part(spec(set_.tree), "template")
        yield pod_of(set_, template, generated(set_, suffix), labels={HASH_LABEL: newest})


def _status(set_: Object, pods: Sequence[Object], now: float) -> Iterator[Put]:
    counted = count(pods, min_ready=min_ready_seconds(set_.tree), now=now)
    newest = newest_name(set_)
    told = {
        "observedGeneration": int(meta(set_.tree).get("generation") or 0),
        "desiredNumberScheduled": 1,
        "currentNumberScheduled": min(1, counted.present),
        "numberMisscheduled": 0,
        "numberReady": min(1, counted.ready),
        "numberAvailable": min(1, counted.available),
        "numberUnavailable": 1 - min(1, counted.available),
        "updatedNumberScheduled": min(1, sum(revision_of(p) == newest for p in pods if is_active(p.tree))),
    }
    if told != status(set_.tree):
        yield Put(key=set_.key, tree=merged(set_.tree, "status", value=told), expected=set_.revision)
