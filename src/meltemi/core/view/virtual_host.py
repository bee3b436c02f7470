"""Virtual hosts of a sidecar's route tables: which there are, and their routes.

Place:  compose, view/route → [view/virtual_host] → envoy/virtual_host, pipeline/virtual_host
Source: Istio, "Protocol Selection" and "Virtual Service"; Envoy, route.v3.VirtualHost.domains

A table is called by the port that clients address (`9080`), or `host:port` where the port's protocol is found out
by its first bytes. Which names a host answers to there says view/table_names.
"""

from collections.abc import Mapping

from meltemi.core.compose.destination_rules import rules_select, selector_names
from meltemi.core.compose.hosts import covers, qualified
from meltemi.core.compose.registry import real_host, service
from meltemi.core.compose.sidecars import egress, narrow, sight_at, spoken_at
from meltemi.core.compose.virtual_services import mesh_hosts, mesh_virtual_service
from meltemi.core.compose.visibility import rule_destinations, shown_to, visible_hosts
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.proxy import Sight
from meltemi.core.model.registry.service import AppProtocol, Resolution
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value
from meltemi.core.view.destination import Target, exists
from meltemi.core.view.http_settings import HostHeaders
from meltemi.core.view.rewrite import Answer
from meltemi.core.view.route import Client, Route, Split, default_route, label_names, routes_of
from meltemi.core.view.unknown import DYNAMIC, Unknown

HTTP_PORT = 80
"""Where hosts of VirtualServices are served that no service stands for. Source: Istio."""


class VirtualHost(Value, frozen=True, kw_only=True):
    """A virtual host, settled."""

    name: str
    """`<table>/<host>:<port>`: Envoy asks for virtual hosts by the part before the last slash."""
    domains: tuple[str, ...]
    routes: tuple[Route, ...] = ()
    """Empty: everything is answered 404."""
    https_only: bool = False
    """Plain HTTP is redirected to https."""
    headers: HostHeaders = HostHeaders()
    patient: bool = False
    """Its requests may be silent for as long as they like: what waits for a host in this table may not."""
    needs: frozenset[str] = frozenset()
    """Clusters that exist and that some route names."""
    origin: tuple[Origin, ...] = ()

    @property
    def hold(self) -> Seconds:
        """The longest time that a request may still need its clusters."""
        return max((r.hold for r in self.routes), default=Seconds(0))


class NamedHost(Value, frozen=True, kw_only=True):
    """A host in a sidecar's table."""

    table: str
    host: str
    domains: tuple[str, ...]
    """The names that it answers to there."""


def http_ports(e: Engine, host: str) -> tuple[int, ...]:
    """Ports of a service that speak HTTP, or may."""
    found = e.get(service, host)
    if not found or found.resolution is Resolution.ALIAS:
        return ()
    return tuple(p.number for p in found.ports if _routed(p.protocol))


def _routed(protocol: AppProtocol) -> bool:
    return protocol.is_http or protocol is AppProtocol.AUTO


def listener_http_ports(e: Engine, host: str, sight: Sight) -> tuple[int, ...]:
    """As `http_ports`, at an egress listener that a Sidecar has for a port of its own."""
    listener, found = e.get(egress, sight)[sight.listener or 0], e.get(service, host)
    if not found or not listener.port or found.resolution is Resolution.ALIAS:
        return ()
    ports = (p for p in found.ports if p.number == listener.port.number)
    return tuple(p.number for p in ports if _routed(spoken_at(listener, p)))


def table_hosts(e: Engine, sight: Sight) -> Mapping[int, tuple[str, ...]]:
    """Port → services whose HTTP calls are routed there."""
    if sight.is_open:
        return _with_own(e, sight)
    tables: dict[int, list[str]] = {}
    for own, one in e.get(narrow, sight):
        for host in e.get(visible_hosts, one):
            for port in e.get(http_ports, host) if own is None else e.get(listener_http_ports, host, one):
                if e.get(sight_at, sight, port) == one:
                    tables.setdefault(port, []).append(host)
    return {port: tuple(found) for port, found in sorted(tables.items())}


def _with_own(e: Engine, sight: Sight) -> Mapping[int, tuple[str, ...]]:
    """Everyone's services, and those that are shown to one namespace."""
    everyones, own = e.get(table_hosts, sight.anywhere), e.get(shown_to, sight.namespace)
    if not own:
        return everyones
    tables = {port: list(found) for port, found in everyones.items()}
    for host in own:
        for port in e.get(http_ports, host):
            tables.setdefault(port, []).append(host)
    return {port: tuple(sorted(found)) for port, found in sorted(tables.items())}


def hosts_at(e: Engine, sight: Sight, port: int) -> tuple[str, ...]:
    """Services in one table."""
    return e.get(table_hosts, sight.wide).get(port, ())


def free_hosts(e: Engine, sight: Sight, port: int) -> tuple[str, ...]:
    """Hosts of VirtualServices for which there is no service; they are served on port 80 only."""
    if port != HTTP_PORT:
        return ()
    services = e.get(hosts_at, sight, port)
    real = frozenset(services)
    return tuple(sorted(h for h in e.get(mesh_hosts, sight) if h not in real and not _stands_for_some(h, services)))


def _stands_for_some(host: str, services: tuple[str, ...]) -> bool:
    return host.startswith("*") and any(covers(host, s) for s in services)


def client_labels(
    e: Engine, key: Key | None, labels: tuple[tuple[str, str], ...], namespace: str, host: str = ""
) -> tuple[tuple[str, str], ...]:
    """The part of a workload's labels that routes to a host depend on: equal parts share the virtual host.

    One VirtualService may ask for them (`key`), and the DestinationRules of all that it leads to.
    """
    asked = labels_asked(e, key, namespace, host)
    return tuple((name, value) for name, value in labels if name in asked)


def labels_asked(e: Engine, key: Key | None, namespace: str, host: str) -> frozenset[str]:
    """Labels of the client that the choice of routes and of their policies asks for."""
    found = e.get(label_names, key) if key else frozenset[str]()
    if not e.get(rules_select):
        return found
    written = e.get(rule_destinations, key) if key else ()
    leads = {real_host(e, qualified(to.host.lower(), key.namespace)) for to in written} if key else set[str]()
    return found.union(*(selector_names(e, one, namespace) for one in (*leads, host) if one))


def outbound_host(e: Engine, named: NamedHost, client: Client) -> VirtualHost | None:
    """One host of a sidecar's table; None where no rule speaks of a host without a service."""
    host = named.host
    sight = client.sight
    key = mesh_virtual_service(e, sight, host)
    routes = e.get(routes_of, key, client) if key else ()
    found = e.get(service, host)
    if not routes:
        if found is None:
            return None
        routes = (default_route(e, host, client),)
    origins = [r.origin for r in routes if r.origin] + ([found.origin] if found else [])
    return VirtualHost(
        name=f"{named.table}/{host}:{client.port}",
        domains=named.domains,
        routes=routes,
        patient=client.on_demand,
        needs=needed(e, routes, sight),
        origin=tuple(dict.fromkeys(origins)),
    )


def outbound_fallback(
    table: str, unknown: Unknown, group: int | None = None, names: tuple[str, ...] = ("*",)
) -> VirtualHost:
    """Who answers for names that nobody in a sidecar's table has: the original destination, a proxy, or an error.

    On demand there is no answer to all names: those that were called are named, in groups.
    """
    label = unknown.label
    name = fallback_name(table, unknown, group)
    if unknown.refused:
        refusal = Route(name=label, answer=Answer(status=502), retry=None)
        return VirtualHost(name=name, domains=names, routes=(refusal,))
    to = Target(host="", port=0, fixed=unknown.of_requests)
    pass_on = Route(name=label, splits=(Split(to=to),), retry=None)
    needs = frozenset((DYNAMIC,)) if unknown.resolves_names else unknown.needs
    return VirtualHost(name=name, domains=names, routes=(pass_on,), patient=group is not None, needs=needs)


def fallback_name(table: str, unknown: Unknown, group: int | None = None) -> str:
    """Name of that virtual host."""
    return f"{table}/{unknown.label}" if group is None else f"{table}/{unknown.label}-{group}"


def nobody(table: str, port: int) -> VirtualHost:
    """Who answers for names that nobody in a gateway's table has: 404."""
    return VirtualHost(name=f"{table}/blackhole:{port}", domains=("*",))


def needed(e: Engine, routes: tuple[Route, ...], sight: Sight) -> frozenset[str]:
    """Clusters that exist and that some of the routes name."""
    targets = dict.fromkeys(t for r in routes for t in r.targets)
    return frozenset(t.cluster for t in targets if exists(e, t, sight))
