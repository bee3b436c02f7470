"""What a sidecar gets for the calls that its workload makes: listeners, route tables, virtual hosts.

Place:  view/{outbound,virtual_host} → [pipeline/outbound] → pipeline/slots
"""

from msgspec import structs

from meltemi.core.compose.common import common_at, common_hosts, other_hosts
from meltemi.core.compose.export import reaches
from meltemi.core.compose.registry import homes
from meltemi.core.compose.sidecars import sight_at
from meltemi.core.compose.virtual_services import mesh_virtual_service
from meltemi.core.compose.visibility import exported
from meltemi.core.engine.engine import Engine
from meltemi.core.envoy.dynamic_dns import dynamic_cluster
from meltemi.core.envoy.listener import listener_message
from meltemi.core.model.mesh_proxy import OwnSettings
from meltemi.core.model.proxy import Caller, Scope, Sight
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.pipeline.resource import resource_of
from meltemi.core.pipeline.slot import Call, Slot
from meltemi.core.pipeline.virtual_host import fallback_body, sidecar_host_body, table_body, unknown_body
from meltemi.core.view.held import held_table
from meltemi.core.view.http_settings import HostHeaders, host_headers, keeps_case
from meltemi.core.view.listener import Listener
from meltemi.core.view.outbound import UNKNOWN_TABLE, outbound_listener, virtual_outbound
from meltemi.core.view.route import Client
from meltemi.core.view.table_names import aliases, host_domains, own_domains
from meltemi.core.view.unknown import DYNAMIC, Unknown, unknown_of
from meltemi.core.view.virtual_host import (
    NamedHost,
    client_labels,
    fallback_name,
    free_hosts,
    hosts_at,
    http_ports,
    table_hosts,
)
from meltemi.core.view.wishes import (
    asked_labels,
    is_everyones,
    listener_name,
    listener_wishes,
    own_table,
    sniffed_tables,
)


def outbound_slots(e: Engine, scope: Scope) -> tuple[Slot, ...]:
    """Everything for outbound calls of one sidecar, by name."""
    unknown = e.get(unknown_of, scope.sidecar, scope.sight)
    first = Call(function=virtual_outbound_body, args=(scope.ip_families, unknown, scope.own))
    slots = [_slot(ResourceType.LISTENER, "virtualOutbound", first)]
    if unknown.resolves_names:
        slots += _unknown_table(unknown, keeps=keeps_case(scope.own))
    slots += _listeners(e, scope, unknown)
    for port in e.get(table_hosts, scope.sight):
        slots += _held(e, scope, scope.caller, port) if scope.caller else _table(e, scope, port, unknown)
    for host, port in e.get(sniffed_tables, scope.sight):
        slots += _own_table(e, scope, host, port)
    return tuple(slots)


def _listeners(e: Engine, scope: Scope, unknown: Unknown) -> list[Slot]:
    slots: list[Slot] = []
    for (address, port), wanted in e.get(listener_wishes, scope.sight).items():
        sight, labels = _sight(e, scope, port), ()
        if is_everyones(e, sight, address, port):
            sight = sight.anywhere
        else:
            asked = e.get(asked_labels, sight, address, port)
            labels = tuple(pair for pair in scope.labels if pair[0] in asked)
        client = Client(sight=sight, labels=labels, port=port, proxy=scope.own, on_demand=scope.caller is not None)
        call = Call(function=listener_body, args=(client, scope.ip_families, address, unknown))
        slots.append(_slot(ResourceType.LISTENER, listener_name(address, port, wanted), call))
    return slots


def _sight(e: Engine, scope: Scope, port: int) -> Sight:
    """What calls to a port see, of which some listener wants something."""
    return e.get(sight_at, scope.sight, port) or scope.sight


def _table(e: Engine, scope: Scope, port: int, unknown: Unknown) -> list[Slot]:
    """A port's table and its hosts."""
    table, sight = str(port), _sight(e, scope, port)
    slots = [_slot(ResourceType.ROUTES, table, Call(function=table_body, args=(table,)))]
    if sight.is_open and e.get(own_domains, sight, port) is not None:
        for home in e.get(homes):
            if home != scope.namespace:
                slots += e.get(common_hosts_at, home, sight.anywhere, port, host_headers(scope.own))
        hosts = e.get(other_hosts_at, sight, port)
    else:
        hosts = (*e.get(hosts_at, sight, port), *e.get(free_hosts, sight, port))
    client = Client(sight=sight, port=port)
    slots += [_host(e, scope, table, host, client) for host in hosts]
    # Envoy takes one host for all names a table: one that somebody wrote comes first.
    takes_all = "*" in hosts or "*" in e.get(hosts_at, sight, port)
    return slots if takes_all else [*slots, _fallback(table, unknown)]


def common_hosts_at(e: Engine, home: str, sight: Sight, port: int, headers: HostHeaders) -> tuple[Slot, ...]:
    """Hosts of a port's table that are the same, and called alike, to all clients outside of their home."""
    table, client = str(port), Client(sight=sight, port=port)
    aliased = e.get(aliases)
    hosts = (host for host in e.get(common_at, home) if port in e.get(http_ports, host) and host not in aliased)
    return tuple(_common_host(e, table, host, client, headers) for host in hosts)


def other_hosts_at(e: Engine, sight: Sight, port: int) -> tuple[str, ...]:
    """All others of a port's table."""
    aliased = e.get(aliases)
    common = (host for host in aliased if host in e.get(common_hosts))
    near = e.get(common_at, sight.namespace)
    seen = (host for host in e.get(other_hosts) if reaches(e.get(exported, host), sight.namespace))
    routed = (host for host in {*common, *near, *seen} if port in e.get(http_ports, host))
    return tuple(sorted({*routed, *e.get(free_hosts, sight, port)}))


def _held(e: Engine, scope: Scope, caller: Caller, port: int) -> list[Slot]:
    """A port's table and those of its hosts that are held; nobody answers for all names, or no host is asked for."""
    table, found = str(port), e.get(held_table, caller, scope.sight, port)
    unknown = e.get(unknown_of, scope.sidecar, scope.sight)
    client = Client(sight=_sight(e, scope, port), port=port, on_demand=True)
    slots = [_slot(ResourceType.ROUTES, table, Call(function=table_body, args=(table,)))]
    for host, names in found.hosts:
        slots.append(structs.replace(_host(e, scope, table, host, client), answers=_asked(table, names)))
    for group, names in found.unknown:
        call = Call(function=unknown_body, args=(table, unknown, group, names))
        slot = _slot(ResourceType.VIRTUAL_HOST, fallback_name(table, unknown, group), call)
        slots.append(structs.replace(slot, answers=_asked(table, names)))
    return slots


def _asked(table: str, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{table}/{name}" for name in names)


def _unknown_table(unknown: Unknown, *, keeps: bool) -> list[Slot]:
    """The table for requests on ports of which no service is known, and the cluster that they go by."""
    table = UNKNOWN_TABLE
    return [
        _slot(ResourceType.CLUSTER, DYNAMIC, Call(function=dynamic_cluster_body, args=(keeps,))),
        _slot(ResourceType.ROUTES, table, Call(function=table_body, args=(table,))),
        _fallback(table, unknown),
    ]


def _own_table(e: Engine, scope: Scope, host: str, port: int) -> list[Slot]:
    """The table of one service whose port is sniffed; it holds that service only."""
    table, client = own_table(host, port), Client(sight=_sight(e, scope, port), port=port)
    call = Call(function=table_body, args=(table,))
    return [_slot(ResourceType.ROUTES, table, call), _host(e, scope, table, host, client)]


def _host(e: Engine, scope: Scope, table: str, host: str, client: Client) -> Slot:
    sight = client.sight
    if sight.sidecar is None and host in e.get(common_hosts):
        return _common_host(e, table, host, client, host_headers(scope.own))
    key = mesh_virtual_service(e, sight, host)
    narrow = structs.replace(client, labels=client_labels(e, key, scope.labels, scope.namespace, host))
    return _named(table, host, host_domains(e, table, host, client), narrow, host_headers(scope.own))


def _common_host(e: Engine, table: str, host: str, client: Client, headers: HostHeaders) -> Slot:
    """Of it the client's namespace decides the names only."""
    anywhere = structs.replace(client, sight=client.sight.anywhere)
    return _named(table, host, host_domains(e, table, host, client), anywhere, headers)


def _named(table: str, host: str, domains: tuple[str, ...], client: Client, headers: HostHeaders) -> Slot:
    named = NamedHost(table=table, host=host, domains=domains)
    call = Call(function=sidecar_host_body, args=(named, client, headers))
    return _slot(ResourceType.VIRTUAL_HOST, f"{table}/{host}:{client.port}", call)


def _fallback(table: str, unknown: Unknown) -> Slot:
    call = Call(function=fallback_body, args=(table, unknown))
    return _slot(ResourceType.VIRTUAL_HOST, f"{table}/{unknown.label}", call)


def _slot(type_: ResourceType, name: str, body: Call) -> Slot:
    return Slot(type=type_, name=name, body=body)


def dynamic_cluster_body(e: Engine, keeps: bool) -> Resource:  # every derived function takes the engine
    """The cluster for requests to whatever host they name. `keeps`: the letters of headers."""
    return resource_of(ResourceType.CLUSTER, dynamic_cluster(DYNAMIC, keeps_case=keeps))


def virtual_outbound_body(e: Engine, families: tuple[str, ...], unknown: Unknown, proxy: OwnSettings) -> Resource:
    """The listener that interception leads to."""
    return listener_resource(e.get(virtual_outbound, families, unknown, proxy))


def listener_body(
    e: Engine, client: Client, families: tuple[str, ...], address: str, unknown: Unknown
) -> Resource | None:
    """One listener behind it; None where no service wants it any more."""
    settled = e.get(outbound_listener, client, families, address, unknown)
    return listener_resource(settled) if settled else None


def listener_resource(listener: Listener) -> Resource:
    """A settled listener as a resource."""
    return resource_of(ResourceType.LISTENER, listener_message(listener), needs=listener.needs, origin=listener.origin)
