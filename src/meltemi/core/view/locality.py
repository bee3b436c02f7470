"""Which localities are preferred, for a client in one of them.

Place:  view/load_balancer → [view/locality] → view/endpoints
Source: Istio, "Locality Load Balancing"; "Destination Rule", messages LocalityLoadBalancerSetting and
        ZoneAwareLoadBalancerSetting
"""

from meltemi.core.model.registry.service import Endpoint
from meltemi.core.model.topology import NETWORK_LABEL, TOPOLOGY_LABELS
from meltemi.core.model.traffic.destination_rule import LocalityLoadBalancerSetting, ZoneAwareLoadBalancerSetting

LEVELS = 3
"""Region, zone, subzone."""


def parts(locality: str) -> tuple[str, ...]:
    """Region, zone and subzone; absent ones are empty."""
    found = locality.split("/")
    return tuple(found[:LEVELS]) + ("",) * (LEVELS - len(found))


def within(pattern: str, locality: str) -> bool:
    """Whether a locality is the written one or lies in it; `*` is any, and so is all that is left out."""
    wanted = [w for w in pattern.split("/") if w]
    return all(w in ("*", have) for w, have in zip(wanted, parts(locality), strict=False))


def shares(setting: LocalityLoadBalancerSetting, client: str, localities: tuple[str, ...]) -> dict[str, int] | None:
    """Locality → weight for clients in `client`; None where no distribution is written for them.

    A weight that several localities share is divided among them. What is not named gets nothing.
    """
    written = next((d for d in setting.distribute if within(d.from_, client)), None)
    if written is None:
        return None
    weights: dict[str, int] = {}
    for pattern, weight in sorted(written.to, key=lambda item: item[0].count("*") - item[0].count("/")):
        fitting = [name for name in localities if name not in weights and within(pattern, name)]
        for name in fitting:
            weights[name] = max(1, weight // len(fitting))
    return weights


def distance(setting: LocalityLoadBalancerSetting, client: str, other: str) -> int:
    """How far a locality is: 0 the same, then the same zone, the same region, the region to fail over to, the rest."""
    mine, theirs = parts(client), parts(other)
    for level in range(LEVELS, 0, -1):
        if mine[:level] == theirs[:level]:
            return LEVELS - level
    target = next((f.to for f in setting.failover if f.from_ == mine[0]), "")
    return LEVELS if not target or theirs[0] == target else LEVELS + 1


def abroad(setting: ZoneAwareLoadBalancerSetting, client: str, other: str) -> int:
    """How far a region is: 0 the same, 1 the one to fail over to, or any other where none is said, then the rest."""
    mine, theirs = parts(client)[0], parts(other)[0]
    if not mine or mine == theirs:
        return 0
    target = next((f.to for f in setting.failover if f.from_ == mine), theirs)
    return 1 if theirs == target else 2


def placed(endpoint: Endpoint) -> dict[str, str]:
    """Its labels, and where it is as labels too, which `failoverPriority` may name as those of a pod."""
    names = (*TOPOLOGY_LABELS, NETWORK_LABEL)
    values = (*parts(endpoint.locality), endpoint.network)
    return dict(endpoint.labels) | {name: value for name, value in zip(names, values, strict=True) if value}


def mismatch(priority: tuple[str, ...], client: dict[str, str], other: dict[str, str]) -> int:
    """How many of the written labels, counted from the last, lie behind the first that differs."""
    for i, written in enumerate(priority):
        name, fixed, value = written.partition("=")
        wanted = value if fixed else client.get(name, "")
        if other.get(name, "") != wanted:
            return len(priority) - i
    return 0
