"""The clusters of a scope.

Place:  view/cluster → envoy/cluster → [pipeline/clusters] → pipeline/slots
"""

from collections.abc import Iterator

from meltemi.core.compose.attachments import Labels
from meltemi.core.compose.authorization import policies_of
from meltemi.core.compose.common import common_hosts, other_hosts
from meltemi.core.compose.destination_rules import rules_for, selector_names, subset_names
from meltemi.core.compose.export import reaches
from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.registry import port_of, service
from meltemi.core.compose.visibility import exported, seen_hosts, visible_hosts
from meltemi.core.engine.engine import Engine
from meltemi.core.envoy.cluster import cluster_message
from meltemi.core.model.document import Key
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


class Group(Value, frozen=True, kw_only=True):
    """The clusters of one host, as scopes that see it alike have them."""

    host: str
    ports: tuple[int, ...]
    rules: tuple[Key, ...] = ()
    gateway: bool
    """A gateway asks."""


class Wanted(Value, frozen=True, kw_only=True):
    """One outbound cluster of a scope."""

    aim: Aim
    gateway: bool
    """It makes a difference to this cluster, and a gateway asks."""


def groups_of(e: Engine, scope: Scope) -> tuple[Group, ...]:
    """Hosts of a scope, but for those that are the same to all clients; for those who list clusters and who list their
    endpoints."""
    return tuple(_groups(e, scope))


def has_common(scope: Scope) -> bool:
    """Whether a scope gets all `common_groups` too."""
    return scope.caller is None and scope.sight.sidecar is None


def common_groups(e: Engine, gateway: bool) -> tuple[Group, ...]:
    """Hosts that are the same to all clients."""
    return tuple(e.get(common_group, host, gateway) for host in sorted(e.get(common_hosts)))


def _groups(e: Engine, scope: Scope) -> Iterator[Group]:
    sight = scope.sight
    asked = e.get(asked_hosts, scope.namespace, scope.labels)
    if scope.caller:
        hosts = e.get(held_clusters, scope.caller, sight, (*asked, *e.get(egress_hosts, scope.sidecar)))
        yield from (_group(e, scope, host, numbers) for host, numbers in hosts)
    elif has_common(scope):
        seen = (host for host in e.get(other_hosts) if reaches(e.get(exported, host), sight.namespace))
        yield from (_group(e, scope, host, e.get(ports, host)) for host in seen)
    else:
        yield from (_group(e, scope, host, seen_ports(e, host, sight)) for host in e.get(visible_hosts, sight))
    # what policies ask is reached also where the workload itself does not see it
    yield from (_group(e, scope, host, e.get(ports, host)) for host in asked if host not in e.get(seen_hosts, sight))


def common_group(e: Engine, host: str, gateway: bool) -> Group:
    """Of a host that is the same to all clients."""
    return Group(host=host, ports=e.get(ports, host), gateway=gateway)


def _group(e: Engine, scope: Scope, host: str, numbers: tuple[int, ...]) -> Group:
    asked = selector_names(e, host, scope.namespace)
    labels = tuple(pair for pair in scope.labels if pair[0] in asked)
    rules = rules_for(e, host, scope.namespace, labels)
    return Group(host=host, ports=numbers, rules=rules, gateway=scope.role is Role.ROUTER)


def wanted_clusters(e: Engine, group: Group) -> tuple[Wanted, ...]:
    """Every cluster of a host."""
    return tuple(
        Wanted(
            aim=Aim(host=group.host, port=port, subset=subset, rules=group.rules),
            gateway=group.gateway and e.get(differs_for_gateways, group.host, port),
        )
        for port in group.ports
        for subset in ("", *e.get(subset_names, group.rules))
    )


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
    common = e.get(common_clusters, scope.role is Role.ROUTER, keeps) if has_common(scope) else ()
    return (*fixed, *common, *(slot for group in e.get(groups_of, scope) for slot in e.get(group_slots, group, keeps)))


def common_clusters(e: Engine, gateway: bool, keeps: bool) -> tuple[Slot, ...]:
    """The clusters of hosts that are the same to all clients, listed once for all."""
    return tuple(slot for group in e.get(common_groups, gateway) for slot in e.get(group_slots, group, keeps))


def group_slots(e: Engine, group: Group, keeps: bool) -> tuple[Slot, ...]:
    """The clusters of one host. `keeps`: the letters of headers."""
    return tuple(_slot(w.aim.cluster, _call(w, keeps)) for w in e.get(wanted_clusters, group))


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
