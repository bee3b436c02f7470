"""The clusters of a scope.

Place:  view/cluster → envoy/cluster → [pipeline/clusters] → pipeline/slots
"""

from collections.abc import Iterator

from meltemi.core.compose.attachments import Labels
from meltemi.core.compose.authorization import policies_of
from meltemi.core.compose.destination_rules import rules_for, selector_names, subset_names
from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.registry import port_of, service
from meltemi.core.compose.visibility import seen_hosts, visible_hosts
from meltemi.core.engine.engine import Engine
from meltemi.core.envoy.cluster import cluster_message
from meltemi.core.model.proxy import Role, Scope
from meltemi.core.model.registry.service import AppProtocol, Resolution
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.model.value import Value
from meltemi.core.pipeline.resource import resource_of
from meltemi.core.pipeline.slot import Call, Slot
from meltemi.core.view.authorizer import asking
from meltemi.core.view.cluster import black_hole, in_letters, outbound_cluster, passthrough
from meltemi.core.view.destination import ports, seen_ports
from meltemi.core.view.held import held_clusters
from meltemi.core.view.http_settings import keeps_case
from meltemi.core.view.names import BLACK_HOLE_CLUSTER, PASSTHROUGH_CLUSTER
from meltemi.core.view.traffic_policy import Aim
from meltemi.core.view.unknown import egress_hosts


class Wanted(Value, frozen=True, kw_only=True):
    """One outbound cluster of a scope."""

    aim: Aim
    gateway: bool
    """It makes a difference to this cluster, and a gateway asks."""


def wanted_clusters(e: Engine, scope: Scope) -> Iterator[Wanted]:
    """Every outbound cluster of a scope."""
    router = scope.role is Role.ROUTER
    for host, numbers in _hosts(e, scope):
        asked = selector_names(e, host, scope.namespace)
        labels = tuple(pair for pair in scope.labels if pair[0] in asked)
        rules = rules_for(e, host, scope.namespace, labels)
        subsets = ("", *e.get(subset_names, rules))
        for port in numbers:
            gateway = router and e.get(differs_for_gateways, host, port)
            for subset in subsets:
                aim = Aim(host=host, port=port, subset=subset, rules=rules)
                yield Wanted(aim=aim, gateway=gateway)


def clusters_of(e: Engine, scope: Scope) -> tuple[Wanted, ...]:
    """The same, for those who list clusters and who list their endpoints."""
    return tuple(wanted_clusters(e, scope))


def _hosts(e: Engine, scope: Scope) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Hosts and their ports."""
    sight = scope.sight
    asked = e.get(asked_hosts, scope.namespace, scope.labels)
    if scope.caller:
        yield from e.get(held_clusters, scope.caller, sight, (*asked, *e.get(egress_hosts, scope.sidecar)))
    else:
        yield from ((host, seen_ports(e, host, sight)) for host in e.get(visible_hosts, sight))
    # what policies ask is reached also where the workload itself does not see it
    yield from ((host, e.get(ports, host)) for host in asked if host not in e.get(seen_hosts, sight))


def asked_hosts(e: Engine, namespace: str, labels: Labels) -> tuple[str, ...]:
    """Hosts that policies of the workload ask."""
    applied = e.get(policies_of, namespace, labels).custom
    to = e.get(asking, applied).authorizer if applied else None
    return (to.host,) if to else ()


def differs_for_gateways(e: Engine, host: str, port: int) -> bool:
    """Whether the clusters of a port are others for gateways than for sidecars."""
    found = e.get(service, host)
    written = e.get(port_of, host, port)
    if found is None or written is None:
        return False
    return found.resolution is Resolution.PASSTHROUGH or written.protocol is AppProtocol.AUTO


def cluster_slots(e: Engine, scope: Scope) -> tuple[Slot, ...]:
    """All outbound clusters, and those that every proxy has."""
    keeps = keeps_case(scope.own)
    fixed = (
        _slot(PASSTHROUGH_CLUSTER, Call(function=passthrough_body, args=(keeps,))),
        _slot(BLACK_HOLE_CLUSTER, Call(function=black_hole_body, args=())),
    )
    return (*fixed, *(_slot(w.aim.cluster, _call(w, keeps)) for w in e.get(clusters_of, scope)))


def _slot(name: str, body: Call) -> Slot:
    return Slot(type=ResourceType.CLUSTER, name=name, body=body)


def _call(wanted: Wanted, keeps: bool) -> Call:
    return Call(function=cluster_body, args=(wanted.aim, wanted.gateway, keeps))


def cluster_body(e: Engine, aim: Aim, gateway: bool, keeps: bool) -> Resource | None:
    """One outbound cluster. `keeps`: the letters of headers."""
    settled = e.get(outbound_cluster, aim, gateway)
    if settled is None:
        return None
    return resource_of(
        ResourceType.CLUSTER, cluster_message(in_letters(settled, keeps_case=keeps)), origin=settled.origin
    )


def passthrough_body(e: Engine, keeps: bool) -> Resource:
    """The cluster to wherever the client wanted to go."""
    settled = in_letters(passthrough(mesh(e)), keeps_case=keeps)
    return resource_of(ResourceType.CLUSTER, cluster_message(settled))


def black_hole_body(e: Engine) -> Resource:
    """The cluster that leads nowhere."""
    return resource_of(ResourceType.CLUSTER, cluster_message(black_hole(mesh(e))))
