"""Which DestinationRules speak for which host, to whom; index functions hold names only.

Place:  model/traffic/destination_rule → [compose/destination_rules] → view/{cluster,destination,endpoints}
Source: Istio, "Destination Rule": the client's namespace is asked first, then the service's, then the root namespace;
        of wildcards the closest wins; rules for one host with one exportTo and selector are merged, the oldest first

`rule_head` is what the index reads of a document: a changed policy leaves it equal, and the index is not run again.
"""

from collections.abc import Mapping

from meltemi.core.compose.export import reaches, settled_export
from meltemi.core.compose.hosts import patterns_of, qualified
from meltemi.core.compose.inputs import age_of, keys, read_as
from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.registry import service
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Origin, Path
from meltemi.core.model.traffic.destination_rule import BY_LATENCY, DestinationRule, Subset, TrafficPolicy
from meltemi.core.model.value import Value

GROUP = "networking.istio.io"
KIND = "DestinationRule"


class RuleHead(Value, frozen=True, kw_only=True):
    """What decides where a DestinationRule applies."""

    key: Key
    age: tuple[str, str, str]
    """Sort key, the oldest first: creation time, name, namespace."""
    host: str
    """Fully qualified."""
    export_to: tuple[str, ...]
    selector: tuple[tuple[str, str], ...]
    """Clients that it applies to, in its own namespace; empty is all."""
    subsets: tuple[str, ...]
    policy: bool
    """It has a policy for the host as a whole."""


def destination_rule(e: Engine, key: Key) -> DestinationRule | None:
    """The content of one DestinationRule."""
    found = read_as(e, key, DestinationRule)
    return found.spec if found else None


def by_latency(e: Engine, key: Key) -> bool:
    """Whether one DestinationRule asks for weights by latency."""
    found = read_as(e, key, DestinationRule)
    return found is not None and dict(found.meta.annotations).get(BY_LATENCY) == "true"


def rule_head(e: Engine, key: Key) -> RuleHead | None:
    """What decides where one DestinationRule applies."""
    found = read_as(e, key, DestinationRule)
    if found is None:
        return None
    spec = found.spec
    return RuleHead(
        key=key,
        age=age_of(found),
        host=qualified(spec.host.lower(), key.namespace),
        export_to=settled_export(spec.export_to, mesh(e).default_destination_rule_export_to, key.namespace),
        selector=spec.workload_selector.match_labels if spec.workload_selector else (),
        subsets=tuple(s.name for s in spec.subsets),
        policy=spec.traffic_policy is not None,
    )


def rule_heads(e: Engine) -> tuple[RuleHead, ...]:
    """All DestinationRules, the oldest first."""
    found = (e.get(rule_head, key) for key in keys(e, GROUP, KIND))
    return tuple(sorted((h for h in found if h is not None), key=lambda h: h.age))


def rule_index(e: Engine) -> Mapping[str, tuple[RuleHead, ...]]:
    """Host or wildcard → the rules for it, the oldest first."""
    found: dict[str, list[RuleHead]] = {}
    for head in e.get(rule_heads):
        found.setdefault(head.host, []).append(head)
    return {host: tuple(heads) for host, heads in found.items()}


def rules_of(e: Engine, host: str) -> tuple[tuple[RuleHead, ...], ...]:
    """Rules that speak for a host to whomever, those of one pattern together, the closest first."""
    index = e.get(rule_index)
    return tuple(index[pattern] for pattern in patterns_of(host) if pattern in index)


def candidates(e: Engine, host: str, namespace: str) -> tuple[RuleHead, ...]:
    """Rules that speak for a host to clients in `namespace`: those of the first home that has any.

    No cell for each client's namespace where no rule speaks of the host: most hosts of a large mesh have none.
    """
    return e.get(_candidates, host, namespace) if e.get(rules_of, host) else ()


def _candidates(e: Engine, host: str, namespace: str) -> tuple[RuleHead, ...]:
    found = e.get(service, host)
    homes = (namespace, found.namespace if found else "", mesh(e).root_namespace)
    for home in dict.fromkeys(h for h in homes if h):
        for heads in e.get(rules_of, host):
            # A client's own namespace sees all its rules; of other namespaces only what they export.
            own = (h for h in heads if h.key.namespace == home)
            if seen := tuple(h for h in own if home == namespace or reaches(h.export_to, namespace)):
                return seen
    return ()


def rules_for(e: Engine, host: str, namespace: str, labels: tuple[tuple[str, str], ...] = ()) -> tuple[Key, ...]:
    """The documents that together are the rule for a host, the oldest first, for one kind of client.

    A rule that selects the client comes before rules for all clients.
    """
    found = candidates(e, host, namespace)
    mine = [h for h in found if h.selector and h.key.namespace == namespace and set(h.selector) <= set(labels)]
    first = next(iter(mine), None) or next((h for h in found if not h.selector), None)
    if first is None:
        return ()
    return tuple(h.key for h in found if h.export_to == first.export_to and h.selector == first.selector)


def rules_select(e: Engine) -> bool:
    """Whether any rule selects its clients; few meshes have one, so that few ask further."""
    return any(h.selector for h in e.get(rule_heads))


def selector_names(e: Engine, host: str, namespace: str) -> frozenset[str]:
    """Labels of the client that the choice of a host's rules depends on."""
    return frozenset(name for h in candidates(e, host, namespace) for name, _ in h.selector)


def subsets_of(e: Engine, host: str, namespace: str) -> tuple[str, ...]:
    """Names of a host's subsets, whichever workload of `namespace` asks."""
    return tuple(dict.fromkeys(name for h in candidates(e, host, namespace) for name in h.subsets))


class Written(Value, frozen=True, kw_only=True):
    """The policies that one cluster is made from."""

    policy: TrafficPolicy | None = None
    """Of the host."""
    subset: Subset | None = None
    by_latency: bool = False
    """One of the documents asks for it."""
    origins: tuple[Origin, ...] = ()
    """The most telling first."""


def subset_names(e: Engine, rules: tuple[Key, ...]) -> tuple[str, ...]:
    """Names of the subsets that some documents define together."""
    heads = (e.get(rule_head, key) for key in rules)
    return tuple(dict.fromkeys(name for h in heads if h for name in h.subsets))


def written_policy(e: Engine, rules: tuple[Key, ...], subset: str) -> Written:
    """What merged documents say of a host and one of its subsets: the first that says anything wins."""
    found = [(key, spec) for key in rules if (spec := e.get(destination_rule, key)) is not None]
    whole = next(((k, s.traffic_policy) for k, s in found if s.traffic_policy), None)
    part = next(
        ((k, i, x) for k, s in found for i, x in enumerate(s.subsets) if x.name == subset) if subset else iter(()),
        None,
    )
    origins = [Origin(key=part[0], path=Path(f"spec.subsets[{part[1]}]"))] if part else []
    if whole:
        origins.append(Origin(key=whole[0], path=Path("spec.trafficPolicy")))
    return Written(
        policy=whole[1] if whole else None,
        subset=part[2] if part else None,
        by_latency=any(e.get(by_latency, key) for key, _ in found),
        origins=tuple(origins),
    )
