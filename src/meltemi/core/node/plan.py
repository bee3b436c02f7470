"""Everything that the node's controllers want written, given all objects.

Place:  node · all objects → [plan] → shell/runtime/controllers, which writes and asks again
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from meltemi.core.model.document import Key
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value
from meltemi.core.node.availability import count, min_ready_seconds
from meltemi.core.node.deployments import deployment_actions
from meltemi.core.node.endpoint_slices import endpoint_slice_actions
from meltemi.core.node.garbage import ACCOUNT, default_accounts, garbage
from meltemi.core.node.objects import (
    APPS,
    DISCOVERY,
    Action,
    Delete,
    Object,
    Put,
    is_deleting,
    labels_of,
    merged,
    owner_uids,
    part,
    spec,
)
from meltemi.core.node.pods import Round
from meltemi.core.node.replica_sets import replica_set_actions
from meltemi.core.node.workloads import Children, Kinds, of, workload_rounds


class Plan(Value, frozen=True, kw_only=True):
    """What to write now, in order."""

    actions: tuple[Action, ...]
    again: Seconds | None = None
    """When to plan again although nothing has changed: a pod will have been ready for long enough, a Job is due, …"""


def plan(objects: Sequence[Object], *, node_name: str, suffixes: Iterator[str], now: float) -> Plan:
    """One round. `objects`: all of them; `suffixes`: random ends of pods' names; `now`: seconds since 1970."""
    doomed = garbage(objects)
    living = [o for o in objects if o.key not in doomed]
    kinds = _by_kind(living)
    children = _by_owner(living)
    rounds = list(workload_rounds(kinds, children, suffixes, now))
    deployments = list(_deployments(kinds, children, now))
    actions = [
        *_removals(objects, doomed),
        *default_accounts(living),
        *_slices(kinds, children),
        *deployments,
        *_replica_sets(kinds, children, suffixes, now, frozenset(action.key for action in deployments)),
        *(action for one in rounds for action in one.actions),
        *_bindings(kinds["", "Pod"], node_name),
    ]
    return Plan(actions=tuple(actions), again=_next_moment(kinds, children, rounds, now))


def _by_kind(objects: Iterable[Object]) -> Kinds:
    found: defaultdict[tuple[str, str], list[Object]] = defaultdict(list)
    for o in objects:
        found[o.key.group, o.key.kind].append(o)
    return found


def _by_owner(objects: Iterable[Object]) -> Children:
    found: defaultdict[str, list[Object]] = defaultdict(list)
    for o in objects:
        for uid in owner_uids(o.tree):
            found[uid].append(o)
    return found


def _removals(objects: Iterable[Object], doomed: frozenset[Key]) -> list[Delete]:
    """A namespace's account goes last: until then it tells that the namespace is gone."""
    going = [o.key for o in objects if o.key in doomed and not is_deleting(o.tree)]
    waiting = {o.key.namespace for o in objects if o.key in doomed and not _is_account(o.key)}
    return [Delete(key=key) for key in going if not (_is_account(key) and key.namespace in waiting)]


def _is_account(key: Key) -> bool:
    return key.kind == "ServiceAccount" and key.name == ACCOUNT


def _slices(kinds: Kinds, children: Children) -> Iterator[Action]:
    # Each Service looks only at pods with the first label that it asks for: all at all would be too many pairs.
    pods: defaultdict[tuple[str, str, str], list[Object]] = defaultdict(list)
    for pod in kinds.get(("", "Pod"), ()):
        for name, value in labels_of(pod.tree).items():
            pods[pod.key.namespace, name, value].append(pod)
    for service in kinds.get(("", "Service"), ()):
        owned = [s for s in of(children, service, "EndpointSlice") if s.key.group == DISCOVERY]
        name, value = next(iter(part(spec(service.tree), "selector").items()), ("", ""))
        yield from endpoint_slice_actions(service, pods.get((service.key.namespace, name, value), ()), owned)


def _deployments(kinds: Kinds, children: Children, now: float) -> Iterator[Action]:
    for deployment in kinds.get((APPS, "Deployment"), ()):
        sets = of(children, deployment, "ReplicaSet")
        pods = [pod for rs in sets for pod in of(children, rs, "Pod")]
        yield from deployment_actions(deployment, sets, pods, now=now)


def _replica_sets(
    kinds: Kinds, children: Children, suffixes: Iterator[str], now: float, changing: frozenset[Key]
) -> Iterator[Action]:
    """All but those that this very plan changes: what they are asked for is out of date."""
    for rs in kinds.get((APPS, "ReplicaSet"), ()):
        if rs.key in changing:
            continue
        yield from replica_set_actions(rs, of(children, rs, "Pod"), suffixes=suffixes, now=now)


def _bindings(pods: Iterable[Object], node_name: str) -> Iterator[Put]:
    """There is one node, so every pod goes there."""
    for pod in pods:
        if not spec(pod.tree).get("nodeName") and not is_deleting(pod.tree):
            tree = merged(pod.tree, "spec", "nodeName", value=node_name)
            yield Put(key=pod.key, tree=tree, expected=pod.revision)


def _next_moment(kinds: Kinds, children: Children, rounds: Iterable[Round], now: float) -> Seconds | None:
    slow = [rs for rs in kinds.get((APPS, "ReplicaSet"), ()) if min_ready_seconds(rs.tree)]
    counts = [count(of(children, rs, "Pod"), min_ready=min_ready_seconds(rs.tree), now=now) for rs in slow]
    waits = [*(c.wait for c in counts), *(one.again for one in rounds)]
    return min((wait for wait in waits if wait is not None), default=None)
