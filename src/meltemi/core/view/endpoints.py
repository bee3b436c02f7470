"""The endpoints of a cluster: those of its subset, in the order in which a client's locality prefers them.

Place:  compose/registry, view/{traffic_policy,locality} → [view/endpoints] → envoy/endpoints, view/cluster
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from meltemi.core.compose.attachments import Labels
from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.registry import endpoints
from meltemi.core.engine.engine import Engine
from meltemi.core.model.registry.service import Endpoint
from meltemi.core.model.traffic.destination_rule import LocalityLoadBalancerSetting, ZoneAwareLoadBalancerSetting
from meltemi.core.model.value import Value
from meltemi.core.view.load_balancer import Preference, locality_setting
from meltemi.core.view.locality import abroad, distance, mismatch, parts, placed, shares
from meltemi.core.view.traffic_policy import Aim, Policy, policy_for

Rank = TypeVar("Rank", int, tuple[int, int])


class From(Value, frozen=True, kw_only=True):
    """What the preference among endpoints may depend on; empty where nothing does."""

    locality: str = ""
    labels: Labels = ()
    """Only those that `failoverPriority` names."""


NOWHERE = From()


class Group(Value, frozen=True, kw_only=True):
    """Endpoints of one locality and priority."""

    locality: str
    priority: int = 0
    """0 is preferred; the next is used when too few are healthy."""
    weight: int = 1
    endpoints: tuple[Endpoint, ...]


def preference(e: Engine, aim: Aim) -> Preference | None:
    """The setting by which localities are told apart; None where all are alike.

    Shares and the own region are always kept; to fail over needs to know who fails, so outlier detection.
    """
    policy = e.get(policy_for, aim)
    found = locality_setting(policy.load_balancer, mesh(e))
    if isinstance(found, ZoneAwareLoadBalancerSetting):
        return found
    if found is None or not (found.distribute or policy.outlier_detection is not None):
        return None
    return found


def from_of(e: Engine, aim: Aim, client: From) -> From:
    """The part of a client's place that one cluster's endpoints depend on: equal parts share them."""
    setting = e.get(preference, aim)
    if setting is None:
        return NOWHERE
    names = {written.partition("=")[0] for written in setting.failover_priority}
    labels = tuple(pair for pair in client.labels if pair[0] in names)
    if isinstance(setting, ZoneAwareLoadBalancerSetting):
        return From(locality=parts(client.locality)[0], labels=labels)
    return From(locality="" if setting.failover_priority else client.locality, labels=labels)


def assignment(e: Engine, aim: Aim, client: From) -> tuple[Group, ...]:
    """The endpoints of one cluster, the preferred first."""
    policy = e.get(policy_for, aim)
    chosen = of_subset(e.get(endpoints, aim.host, aim.port), policy)
    setting = e.get(preference, aim)
    groups = _by_locality(chosen)
    if setting is None:
        return tuple(_group(name, found) for name, found in groups.items())
    if isinstance(setting, ZoneAwareLoadBalancerSetting):
        return _by_region(setting, client, chosen)
    if setting.distribute:
        return _distributed(setting, client, groups)
    if setting.failover_priority:
        return _by_labels(setting, client, chosen)
    far = {name: distance(setting, client.locality, name) for name in groups} if client.locality else {}
    ranks = _ranks(far.values())
    return tuple(_group(name, found, ranks[far[name]] if far else 0) for name, found in groups.items())


def of_subset(found: tuple[Endpoint, ...], policy: Policy) -> tuple[Endpoint, ...]:
    """Endpoints with all labels of the subset."""
    wanted = set(policy.labels)
    return tuple(x for x in found if x.healthy and wanted <= set(x.labels))


def _by_locality(found: tuple[Endpoint, ...]) -> Mapping[str, tuple[Endpoint, ...]]:
    groups: dict[str, list[Endpoint]] = {}
    for x in found:
        groups.setdefault(x.locality, []).append(x)
    return {name: tuple(groups[name]) for name in sorted(groups)}


def _ranks(values: Iterable[Rank]) -> dict[Rank, int]:
    """Distances as priorities without gaps, which Envoy refuses."""
    return {v: i for i, v in enumerate(sorted(set(values)))}


def _group(locality: str, found: tuple[Endpoint, ...], priority: int = 0, weight: int = 0) -> Group:
    total = weight or sum(x.weight for x in found)
    return Group(locality=locality, priority=priority, weight=total, endpoints=found)


def _distributed(
    setting: LocalityLoadBalancerSetting, client: From, groups: Mapping[str, tuple[Endpoint, ...]]
) -> tuple[Group, ...]:
    weights = shares(setting, client.locality, tuple(groups)) if client.locality else None
    if weights is None:
        return tuple(_group(name, found) for name, found in groups.items())
    return tuple(_group(name, groups[name], weight=weight) for name, weight in sorted(weights.items()) if weight)


def _by_labels(setting: LocalityLoadBalancerSetting, client: From, found: tuple[Endpoint, ...]) -> tuple[Group, ...]:
    mine = dict(client.labels)
    return _tiers(found, [mismatch(setting.failover_priority, mine, placed(x)) for x in found])


def _by_region(setting: ZoneAwareLoadBalancerSetting, client: From, found: tuple[Endpoint, ...]) -> tuple[Group, ...]:
    """By labels first, and among those that are alike in them by region."""
    mine = dict(client.labels)
    far = [
        (mismatch(setting.failover_priority, mine, placed(x)), abroad(setting, client.locality, x.locality))
        for x in found
    ]
    return _tiers(found, far)


def _tiers(found: tuple[Endpoint, ...], far: Sequence[Rank]) -> tuple[Group, ...]:
    """A priority for each distance, and in it a group for each locality."""
    ranks = _ranks(far)
    groups: dict[tuple[int, str], list[Endpoint]] = {}
    for x, value in zip(found, far, strict=True):
        groups.setdefault((ranks[value], x.locality), []).append(x)
    return tuple(_group(name, tuple(each), rank) for (rank, name), each in sorted(groups.items()))
