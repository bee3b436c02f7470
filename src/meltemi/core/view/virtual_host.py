"""Virtual hosts of a sidecar's route tables: which there are, which names they answer to, and their routes.

Place:  compose, view/route → [view/virtual_host] → envoy/virtual_host, pipeline/virtual_host
Source: Istio, "Protocol Selection" and "Virtual Service"; Envoy, route.v3.VirtualHost.domains

A table is called by the port that clients address (`9080`), or `host:port` where the port's protocol is found out
by its first bytes. A name may stand in a table once: `table_domains` decides whose it is.
"""

from collections.abc import Iterator, Mapping

from msgspec import structs

from meltemi.core.compose.common import ANYWHERE
from meltemi.core.compose.destination_rules import rules_select, selector_names
from meltemi.core.compose.hosts import CLUSTER_DOMAIN, covers, is_ip, is_near, qualified, short_names
from meltemi.core.compose.registry import addresses_of, alias, hosts, real_host, service
from meltemi.core.compose.sidecars import egress, narrow, sight_at, spoken_at
from meltemi.core.compose.virtual_services import mesh_hosts, mesh_virtual_service
from meltemi.core.compose.visibility import rule_destinations, visible, visible_hosts
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.proxy import Sight
from meltemi.core.model.registry.service import AppProtocol, Resolution, Service
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


class Claim(Value, frozen=True, kw_only=True):
    """The names that a service would like to be called by."""

    age: tuple[str, str]
    """Creation time and host: the oldest has first choice."""
    full: tuple[str, ...]
    """Its own full name, which nobody else may have."""
    others: tuple[str, ...]
    """Short names and addresses."""


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
    tables: dict[int, list[str]] = {}
    for own, one in e.get(narrow, sight):
        for host in e.get(visible_hosts, one):
            for port in e.get(http_ports, host) if own is None else e.get(listener_http_ports, host, one):
                if e.get(sight_at, sight, port) == one:
                    tables.setdefault(port, []).append(host)
    return {port: tuple(found) for port, found in sorted(tables.items())}


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


def aliases(e: Engine) -> Mapping[str, tuple[str, ...]]:
    """Host → ExternalName Services that lead to it."""
    found: dict[str, list[str]] = {}
    for host in e.get(hosts):
        if e.get(alias, host):
            found.setdefault(e.get(real_host, host), []).append(host)
    return {to: tuple(names) for to, names in found.items()}


def aliases_of(e: Engine, host: str) -> tuple[str, ...]:
    """ExternalName Services that lead to one host."""
    return e.get(aliases).get(host, ())


def claim(e: Engine, host: str, sight: Sight) -> Claim:
    """What clients may call one host by."""
    found = e.get(service, host)
    if found is None:
        return Claim(age=("\uffff", host), full=(host,), others=())
    namespace = sight.namespace
    others = (a for a in e.get(aliases_of, host) if visible(e, a, sight.wide))
    named = [name for other in others for name in short_names(other, namespace)]
    own = short_names(host, namespace) if found.kubernetes else (host,)
    dotted = () if host.startswith("*") else (f"{host}.",)
    addresses = _addresses(e, found, named=sight.named)
    each = tuple(f"*.{n}" for n in own) if found.kubernetes and found.headless else ()
    return Claim(
        age=(found.created or "\uffff", host), full=(host,), others=(*dotted, *own[1:], *addresses, *each, *named)
    )


def _bare(address: str) -> str:
    """An address as it stands in a Host header."""
    plain = address.partition("/")[0]
    return f"[{plain}]" if ":" in plain else plain


def table_domains(e: Engine, sight: Sight, port: int) -> Mapping[str, tuple[str, ...]]:
    """Host → the names that it answers to in one table. Nobody loses the full name; else the oldest wins."""
    table = (*e.get(hosts_at, sight, port), *e.get(free_hosts, sight, port))
    aliased = e.get(aliases)
    # what a host is called differs in its own namespace only, if nobody else leads to it
    far = structs.replace(sight, namespace=ANYWHERE)
    claims = {
        host: e.get(claim, host, sight if host in aliased or is_near(host, sight.namespace) else far) for host in table
    }
    taken = {name for c in claims.values() for name in c.full}
    domains = {host: list(c.full) for host, c in claims.items()}
    for host, c in sorted(claims.items(), key=lambda item: item[1].age):
        for name in c.others:
            if name not in taken:
                taken.add(name)
                domains[host].append(name)
    return {host: tuple(names) for host, names in domains.items()}


def domains_of(e: Engine, sight: Sight, port: int, host: str) -> tuple[str, ...]:
    """The names of one host in one table."""
    return e.get(table_domains, sight, port).get(host, (host,))


def host_domains(e: Engine, table: str, host: str, client: Client) -> tuple[str, ...]:
    """The names of one host in a sidecar's table."""
    if table != str(client.port):
        return ("*",)  # it is alone there
    if client.on_demand:
        return e.get(names_of, client.sight, client.port, host)
    return domains_of(e, client.sight, client.port, host)


def owner_of(e: Engine, sight: Sight, port: int, name: str) -> str | None:
    """Whose virtual host has a name (or wildcard) in one table, found without looking at all of its hosts.

    `table_domains` follows the same rule for all names at once, which is cheaper where all are wanted.
    """
    table = e.get(table_set, sight, port)
    if name in table:
        return name
    found = (host for host in _candidates(e, name, sight) if host in table)
    claims = {host: e.get(claim, host, sight) for host in found}
    return min(((c.age, host) for host, c in claims.items() if name in c.others), default=((), None))[1]


def names_of(e: Engine, sight: Sight, port: int, host: str) -> tuple[str, ...]:
    """The names of one host in one table."""
    claimed = e.get(claim, host, sight)
    others = (n for n in dict.fromkeys(claimed.others) if owner_of(e, sight, port, n) == host)
    return (*claimed.full, *others)


def table_set(e: Engine, sight: Sight, port: int) -> frozenset[str]:
    """Hosts of one table, to look one up."""
    return frozenset((*e.get(hosts_at, sight, port), *e.get(free_hosts, sight, port)))


def _candidates(e: Engine, name: str, sight: Sight) -> Iterator[str]:
    """Hosts that could claim a name besides the one that it is the full name of."""
    yield from e.get(addressed, sight.named).get(name, ())
    known = e.get(host_set)
    for host in _full_names(name.removeprefix("*.").removesuffix("."), sight.namespace):
        if host in known:
            yield host
            if e.get(alias, host):
                yield real_host(e, host)


def _full_names(name: str, namespace: str) -> tuple[str, ...]:
    """Names that one may be a short form of (compose/hosts, `short_names`)."""
    return (
        name,
        f"{name}.{namespace}.svc.{CLUSTER_DOMAIN}",
        f"{name}.svc.{CLUSTER_DOMAIN}",
        f"{name}.{CLUSTER_DOMAIN}",
    )


def host_set(e: Engine) -> frozenset[str]:
    """Every host, to look one up."""
    return frozenset(e.get(hosts))


def addressed(e: Engine, named: bool) -> Mapping[str, tuple[str, ...]]:
    """Address as it stands in a Host header → services that have it. `named`: as in Sight."""
    found: dict[str, list[str]] = {}
    for host in e.get(hosts):
        for address in e.get(own_addresses, host, named):
            found.setdefault(address, []).append(host)
    return {address: tuple(names) for address, names in found.items()}


def own_addresses(e: Engine, host: str, named: bool) -> tuple[str, ...]:
    """A service's own addresses; stands between its many changes and the index."""
    found = e.get(service, host)
    return _addresses(e, found, named=named) if found else ()


def _addresses(e: Engine, found: Service, *, named: bool) -> tuple[str, ...]:
    return tuple(_bare(a) for a in addresses_of(e, found, named=named) if is_ip(a))


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
