"""A gateway's listeners, route tables and virtual hosts.

Place:  compose/gateways, view/route, view/tcp_route → [view/gateway] → envoy/listener, pipeline/gateway
Source: Istio, "Gateway", "Virtual Service"
"""

from collections.abc import Iterable, Mapping

from meltemi.core.compose.export import reaches
from meltemi.core.compose.gateways import Bound, Kind, bound_servers, server_hosts, sharing
from meltemi.core.compose.hosts import common, covers
from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.virtual_services import Head, gateway_heads
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.mesh_proxy import OwnSettings
from meltemi.core.model.proxy import Scope, Sight
from meltemi.core.model.proxy import Target as Answered
from meltemi.core.model.value import Value
from meltemi.core.view.access_log import access_log
from meltemi.core.view.auto_passthrough import passed, passes_on, passing_chain
from meltemi.core.view.destination import dialled_of, exists, sees_dialled
from meltemi.core.view.http_settings import http_settings
from meltemi.core.view.listener import TLS, Chain, ChainMatch, Listener, ServerTLS, Share, distinct
from meltemi.core.view.rewrite import Answer
from meltemi.core.view.route import Client, Route, routes_of
from meltemi.core.view.server_tls import server_tls
from meltemi.core.view.tcp_limits import tcp_limits, tcp_tunnel
from meltemi.core.view.tcp_route import Connections, tcp_rules, tls_rules
from meltemi.core.view.virtual_host import VirtualHost, client_labels, needed

ANY = "0.0.0.0"


class Place(Value, frozen=True, kw_only=True):
    """The part of a gateway's Scope that its configuration depends on."""

    namespace: str
    labels: tuple[tuple[str, str], ...]
    targets: tuple[Answered, ...]
    families: tuple[str, ...] = ("ipv4",)
    proxy: OwnSettings = OwnSettings()


class Binding(Value, frozen=True, kw_only=True):
    """A VirtualService, and through which Gateways it serves a host."""

    key: Key
    gateways: tuple[str, ...]
    labels: tuple[tuple[str, str], ...] = ()
    """The gateway's labels that the document's rules ask for."""


class Served(Value, frozen=True, kw_only=True):
    """A host that a gateway's route table answers to."""

    domain: str
    number: int
    """Port of the Gateway's server."""
    bindings: tuple[Binding, ...] = ()
    """The oldest first: its rules come first."""
    https_only: bool = False
    origin: tuple[Origin, ...] = ()


def place_of(scope: Scope) -> Place:
    """What a gateway's configuration depends on."""
    return Place(
        namespace=scope.namespace,
        labels=scope.labels,
        targets=scope.targets,
        families=scope.ip_families,
        proxy=scope.own,
    )


def table_of(bound: Bound, address: str, port: int) -> str:
    """Route table of a server: shared by all plain HTTP on a listener; a server with TLS has its own."""
    if bound.kind is Kind.HTTP:
        return f"http.{port}" if address == ANY else f"http.{port}.{address}"
    place, _, name = bound.gateway.partition("/")
    return f"https.{bound.number}.{bound.name}.{name}.{place}"


def gateway_tables(e: Engine, place: Place) -> Mapping[str, tuple[Served, ...]]:
    """Route table → the hosts in it."""
    servers: dict[str, list[Bound]] = {}
    for (address, port), bound in e.get(bound_servers, place.labels, place.targets).items():
        for server in sharing(bound):
            if server.speaks_http:
                servers.setdefault(table_of(server, address, port), []).append(server)
    return {table: _served(e, tuple(found), place) for table, found in servers.items()}


def _served(e: Engine, servers: tuple[Bound, ...], place: Place) -> tuple[Served, ...]:
    """Hosts of the VirtualServices bound to some servers, and hosts that only redirect to https."""
    found: dict[str, Served] = {}
    for server, h, domain in _meetings(e, servers, place.namespace):
        old = found.get(domain) or Served(domain=domain, number=server.number)
        found[domain] = Served(
            domain=domain,
            number=old.number,
            bindings=_bound(e, old.bindings, h, server.gateway, place),
            https_only=old.https_only or _redirects(server),
            origin=(*old.origin, Origin(key=h.key)),
        )
    for server in servers:
        for _, host in server_hosts(server) if _redirects(server) else ():
            only = Served(domain=host, number=server.number, https_only=True, origin=(server.origin,))
            found.setdefault(host, only)
    return tuple(found[domain] for domain in sorted(found))


def _meetings(e: Engine, servers: tuple[Bound, ...], namespace: str) -> Iterable[tuple[Bound, Head, str]]:
    """(server, VirtualService, names that both speak of), the oldest VirtualService first."""
    heads: dict[Key, Head] = {}
    for server in servers:
        heads |= {h.key: h for h in e.get(gateway_heads, server.gateway) if "http" in h.protocols}
    for h in sorted(heads.values(), key=lambda h: h.age):
        for server in servers:
            if server.gateway in h.gateways and reaches(h.export_to, namespace):
                for domain in meeting_hosts(server, h):
                    yield server, h, domain


def meeting_hosts(server: Bound, h: Head) -> tuple[str, ...]:
    """Names that a server and a VirtualService both speak of."""
    allowed = (host for place, host in server_hosts(server) if place in ("*", h.key.namespace))
    met = (common(host, own) for host in allowed for own in h.hosts)
    return tuple(dict.fromkeys(name for name in met if name is not None))


def _bound(e: Engine, old: tuple[Binding, ...], h: Head, gateway: str, place: Place) -> tuple[Binding, ...]:
    """The bindings with one more; a VirtualService stands there once, with all its Gateways."""
    known = {b.key: b for b in old}
    before = known[h.key].gateways if h.key in known else ()
    labels = client_labels(e, h.key, place.labels, place.namespace)
    known[h.key] = Binding(key=h.key, gateways=tuple(dict.fromkeys((*before, gateway))), labels=labels)
    return tuple(known.values())


def _redirects(server: Bound) -> bool:
    return server.server.tls is not None and server.server.tls.https_redirect


def served_at(e: Engine, place: Place, table: str) -> tuple[Served, ...]:
    """The hosts in one table."""
    return e.get(gateway_tables, place).get(table, ())


def gateway_host(e: Engine, table: str, served: Served, namespace: str) -> VirtualHost:
    """One host of a gateway's table: the rules of all VirtualServices bound to it, one after the other."""
    routes: list[Route] = []
    sight = Sight(namespace=namespace)
    for binding in served.bindings:
        client = Client(sight=sight, labels=binding.labels, gateways=binding.gateways, port=served.number)
        routes.extend(e.get(routes_of, binding.key, client))
        if routes and routes[-1].match.takes_all:
            break
    settled = tuple(routes)
    origins = (*(r.origin for r in settled if r.origin), *served.origin)
    return VirtualHost(
        name=f"{table}/{served.domain}:{served.number}",
        domains=(served.domain,),
        routes=settled,
        https_only=served.https_only,
        needs=needed(e, settled, sight),
        origin=tuple(dict.fromkeys(origins)),
    )


def elsewhere(e: Engine, place: Place, table: str) -> tuple[str, ...]:
    """Hosts that other TLS servers on the same port serve, and this table does not.

    A client that reuses a connection for a host of a certificate's other names must ask again on a new one.
    Source: RFC 9110, 15.5.20 (421 Misdirected Request); RFC 9113, 9.1.2.
    """
    own: set[str] = {s.domain for s in e.get(served_at, place, table)}
    others: set[str] = set()
    for (address, port), bound in e.get(bound_servers, place.labels, place.targets).items():
        secure = [s for s in sharing(bound) if s.kind is Kind.TLS and s.speaks_http]
        here = [s for s in secure if table_of(s, address, port) == table]
        own |= {host for s in here for _, host in server_hosts(s)}
        others |= {host for s in secure if here and s not in here for _, host in server_hosts(s)}
    return tuple(sorted(host for host in others if host != "*" and not any(covers(name, host) for name in own)))


def misdirected(table: str, port: int, hosts: tuple[str, ...]) -> VirtualHost:
    """Who answers for the hosts of other servers: 421."""
    route = Route(name="misdirected", answer=Answer(status=421), retry=None)
    return VirtualHost(name=f"{table}/misdirected:{port}", domains=hosts, routes=(route,))


def gateway_places(e: Engine, place: Place) -> tuple[tuple[str, int], ...]:
    """(address, port) of the listeners that have something to do."""
    found = e.get(bound_servers, place.labels, place.targets)
    return tuple(at for at in found if e.get(gateway_listener, place, *at) is not None)


def gateway_listener(e: Engine, place: Place, address: str, port: int) -> Listener | None:
    """One listener; None where its servers lead nowhere."""
    bound = e.get(bound_servers, place.labels, place.targets).get((address, port), ())
    if not bound:
        return None
    servers = sharing(bound)
    chains = distinct(tuple(c for s in servers for c in _chains(e, s, place, table_of(s, address, port))))
    # One plain HTTP table serves all servers on the port, so its chain stands there once.
    if not chains:
        return None
    tls = servers[0].kind is Kind.TLS
    return Listener(
        name=f"{address}_{port}",
        addresses=_addresses(address, place.families),
        port=port,
        binds=True,
        chains=chains,
        inspect_tls=tls,
        detection_timeout=mesh(e).protocol_detection_timeout,
        gateway=True,
        resolves_names=e.get(sees_dialled, Sight(namespace=place.namespace)),
        access_log=e.get(access_log),
        http=http_settings(mesh(e), place.proxy, gateway=True),
        proxy_protocol=place.proxy.topology.proxy_protocol is not None,
        needs=_needs(e, servers, place),
        origin=tuple(s.origin for s in servers),
    )


def _addresses(address: str, families: tuple[str, ...]) -> tuple[str, ...]:
    every = tuple(a for family, a in (("ipv4", ANY), ("ipv6", "::")) if family in families) or (ANY,)
    return every if address == ANY else (address,)


def _chains(e: Engine, server: Bound, place: Place, table: str) -> tuple[Chain, ...]:
    if server.speaks_http:
        tls = _tls(e, server, http=True)
        names = _server_names(server) if tls else ()
        match = ChainMatch(server_names=names)
        return (Chain(name=table, match=match, table=table, stat_prefix=table, tls=tls),)
    if passes_on(server):
        return tuple(passing_chain(aim) for aim in e.get(passed, server, place.namespace, place.labels))
    tls = _tls(e, server, http=False)
    return tuple(_connection_chain(e, server, rule, tls, place) for rule in _rules(e, server, place))


def _tls(e: Engine, server: Bound, *, http: bool) -> ServerTLS | None:
    if not server.terminates or server.server.tls is None:
        return None
    return server_tls(server.server.tls, http=http, defaults=mesh(e).tls_defaults)


def _rules(e: Engine, server: Bound, place: Place) -> tuple[Connections, ...]:
    """Rules for connections of all VirtualServices that meet a server, the oldest first."""
    if passes_on(server):
        return ()
    passing = server.kind is Kind.TLS and not server.terminates
    found: list[Connections] = []
    for h in e.get(gateway_heads, server.gateway):
        if reaches(h.export_to, place.namespace) and meeting_hosts(server, h):
            # Rules for connections rarely ask for labels, and a gateway's listener is its own anyway.
            client = Client(
                sight=Sight(namespace=place.namespace),
                labels=place.labels,
                gateways=(server.gateway,),
                port=server.number,
            )
            found += e.get(tls_rules if passing else tcp_rules, h.key, client)
    return tuple(found)


def _connection_chain(e: Engine, server: Bound, rule: Connections, tls: ServerTLS | None, place: Place) -> Chain:
    names = rule.server_names if tls is None else _server_names(server)
    shares = tuple(Share(cluster=to.cluster, weight=weight) for to, weight in rule.splits)
    match = ChainMatch(
        ranges=rule.ranges,
        sources=rule.sources,
        server_names=names,
        transport=TLS if names and tls is None else "",
    )
    prefix = shares[0].cluster if len(shares) == 1 else f"{server.number}.{server.gateway.replace('/', '.')}"
    to = tuple(to for to, _ in rule.splits)
    return Chain(
        name=f"{server.number}.{server.name}",
        match=match,
        shares=shares,
        stat_prefix=prefix,
        tls=tls,
        limits=tcp_limits(e, to, place.namespace, place.labels),
        tunnel=tcp_tunnel(e, to, place.namespace, place.labels),
        dialled=dialled_of(e, to),
    )


def _server_names(server: Bound) -> tuple[str, ...]:
    """TLS server names of a server; none takes any."""
    hosts = tuple(dict.fromkeys(host for _, host in server_hosts(server)))
    return () if "*" in hosts else hosts


def _needs(e: Engine, servers: tuple[Bound, ...], place: Place) -> frozenset[str]:
    rules = (r for s in servers if not s.speaks_http for r in _rules(e, s, place))
    targets = dict.fromkeys(to for r in rules for to, _ in r.splits)
    passing = (aim for s in servers if passes_on(s) for aim in e.get(passed, s, place.namespace, place.labels))
    return frozenset(
        (
            *(to.cluster for to in targets if exists(e, to, Sight(namespace=place.namespace))),
            *(passing_chain(aim).name for aim in passing),
        )
    )
