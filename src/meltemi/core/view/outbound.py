"""A sidecar's outbound listeners: which there are, and what each does with a connection.

Place:  compose/registry, view/tcp_route → [view/outbound] → envoy/listener, pipeline/outbound
Source: Istio, "Protocol Selection", "Understanding Traffic Routing"

HTTP of all services on one port shares the listener `0.0.0.0_PORT`. Bytes and TLS are told apart by address, so they
get listeners of their own, `ADDRESS_PORT`; a service without an address shares the port's listener, and is found by
its address range, by the server name of TLS, or (one per port) as what is left over.
"""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import structs

from meltemi.core.compose.destination_rules import selector_names
from meltemi.core.compose.hosts import is_ip, is_range, plain_range
from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.registry import endpoints, service
from meltemi.core.compose.sidecars import egress, narrow, sight_at, spoken_at
from meltemi.core.compose.virtual_services import mesh_virtual_service
from meltemi.core.compose.visibility import visible_hosts
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Origin
from meltemi.core.model.proxy import Sight
from meltemi.core.model.registry.service import AppProtocol, Resolution, Service, ServicePort
from meltemi.core.model.traffic.sidecar import CaptureMode
from meltemi.core.model.value import Value
from meltemi.core.view.access_log import access_log
from meltemi.core.view.destination import Target, exists
from meltemi.core.view.listener import (
    PLAIN_HTTP,
    RAW,
    TLS,
    Chain,
    ChainMatch,
    Limits,
    Listener,
    Share,
    Tunnel,
    distinct,
)
from meltemi.core.view.names import BLACK_HOLE_CLUSTER, PASSTHROUGH_CLUSTER
from meltemi.core.view.route import Client
from meltemi.core.view.tcp_limits import tcp_limits, tcp_tunnel
from meltemi.core.view.tcp_route import Connections, connection_labels, tcp_rules, tls_rules
from meltemi.core.view.unknown import Unknown

ANY = "0.0.0.0"
ANY_V6 = "::"
LOCAL = "127.0.0.1"
"""Where a listener binds that a Sidecar wants without interception, if it does not say where. Source: Istio."""
RESERVED = frozenset({15000, 15001, 15006, 15008, 15020, 15021, 15090})
"""Ports that the proxy itself listens on, on all addresses: Envoy refuses a second listener there, so that services on
these ports have listeners of their own addresses only."""
UNKNOWN_TABLE = "unknown"
"""Route table for requests on ports of which no service is known, where they go by name."""


class Speech(StrEnum):
    """How a port's bytes are taken."""

    HTTP = "http"
    AUTO = "auto"
    TLS = "tls"
    TCP = "tcp"


class Wish(Value, frozen=True, kw_only=True):
    """What one service wants of one listener."""

    age: tuple[str, str]
    """Creation time and host: the oldest has first choice."""
    host: str
    address: str
    """Where to listen; `0.0.0.0` stands for every address."""
    port: int
    speech: Speech
    ranges: tuple[str, ...] = ()
    """Only these destinations, where the address says less."""
    binds: bool = False
    """Clients call the listener itself; nothing is intercepted."""


def wishes(e: Engine, host: str) -> tuple[Wish, ...]:
    """What one service wants of all listeners."""
    found = e.get(service, host)
    if found is None or found.resolution is Resolution.ALIAS:
        return ()
    return tuple(wish for port in found.ports for wish in _wishes_of_port(e, found, port))


def _wishes_of_port(e: Engine, found: Service, port: ServicePort) -> tuple[Wish, ...]:
    speech = _speech(port.protocol)
    if speech is None:
        return ()
    if port.number in RESERVED:
        speech = Speech.AUTO if speech is Speech.HTTP else speech
    age = (found.created or "\uffff", found.host)

    def wish(address: str = ANY, ranges: tuple[str, ...] = ()) -> Wish:
        return Wish(age=age, host=found.host, address=address, port=port.number, speech=speech, ranges=ranges)

    if speech is Speech.HTTP:
        return (wish(),)
    single = tuple(wish(a.partition("/")[0]) for a in found.addresses if is_ip(a))
    ranges = tuple(dict.fromkeys(plain_range(a) for a in found.addresses if is_range(a)))
    if single or ranges:
        return (*single, *((wish(ranges=ranges),) if ranges else ()))
    if found.headless:
        # Clients see the endpoints' own addresses: each is a place of its own.
        own = {x.address for x in e.get(endpoints, found.host, port.number) if is_ip(x.address)}
        return tuple(wish(a) for a in sorted(own))
    return () if port.number in RESERVED else (wish(),)


def _speech(protocol: AppProtocol) -> Speech | None:
    if protocol is AppProtocol.UDP:
        return None
    if protocol.is_http:
        return Speech.HTTP
    if protocol.is_tls:
        return Speech.TLS
    return Speech.AUTO if protocol is AppProtocol.AUTO else Speech.TCP


def listener_wishes(e: Engine, sight: Sight) -> Mapping[tuple[str, int], tuple[Wish, ...]]:
    """(address, port) → what services want of that listener, the oldest first."""
    found: dict[tuple[str, int], list[Wish]] = {}
    for port, one in e.get(narrow, sight):
        for host in e.get(visible_hosts, one):
            for wish in e.get(wishes, host) if port is None else e.get(placed_wishes, host, one):
                if e.get(sight_at, sight, wish.port) == one:
                    found.setdefault((wish.address, wish.port), []).append(wish)
    return {place: tuple(sorted(ws, key=lambda w: w.age)) for place, ws in sorted(found.items())}


def placed_wishes(e: Engine, host: str, sight: Sight) -> tuple[Wish, ...]:
    """What one service wants of the egress listener that a Sidecar has for a port of its own.

    Source: Istio, message IstioEgressListener: `bind` is where it listens, `port` what is spoken there.
    """
    listener, found = e.get(egress, sight)[sight.listener or 0], e.get(service, host)
    written = listener.port
    port = next((p for p in found.ports if written and p.number == written.number), None) if found else None
    if found is None or port is None or written is None or found.resolution is Resolution.ALIAS:
        return ()
    wanted = _wishes_of_port(e, found, structs.replace(port, protocol=spoken_at(listener, port)))
    binds = listener.capture_mode is CaptureMode.NONE
    place = listener.bind or (LOCAL if binds else "")
    if not place:
        return wanted
    return tuple(structs.replace(wish, address=place, ranges=(), binds=binds) for wish in wanted[:1])


def listener_name(address: str, port: int, wanted: tuple[Wish, ...]) -> str:
    """What a listener is called.

    One that binds has another name than one that does not: Envoy 1.40 crashes where a listener with listener filters
    begins to bind under its old name (docs/envoy.md).
    """
    return f"{address}_{port}{'_bound' if any(w.binds for w in wanted) else ''}"


def wishes_at(e: Engine, sight: Sight, address: str, port: int) -> tuple[Wish, ...]:
    """What services want of one listener."""
    return e.get(listener_wishes, sight.wide).get((address, port), ())


def asked_labels(e: Engine, sight: Sight, address: str, port: int) -> frozenset[str]:
    """Labels of the client that the rules for one listener's connections ask for."""
    hosts = {w.host for w in e.get(wishes_at, sight, address, port) if w.speech is not Speech.HTTP}
    keys = {e.get(mesh_virtual_service, sight, host) for host in hosts}
    found = frozenset(name for key in keys if key for name in e.get(connection_labels, key))
    return found.union(*(e.get(selector_names, host, sight.namespace) for host in hosts))


def own_table(host: str, port: int) -> str:
    """Route table of one service on one port, where only the first bytes say that HTTP is spoken."""
    return f"{host}:{port}"


def sniffed_tables(e: Engine, sight: Sight) -> tuple[tuple[str, int], ...]:
    """(host, port) of services that have a route table of their own."""
    found = e.get(listener_wishes, sight).items()
    return tuple(dict.fromkeys((w.host, w.port) for (address, _), wanted in found for w in sniffed(address, wanted)))


def sniffed(address: str, wanted: tuple[Wish, ...]) -> tuple[Wish, ...]:
    """Of one listener's wishes those that get HTTP chains of their own: ranges, and the first at an address."""
    auto = (w for i, w in enumerate(wanted) if w.speech is Speech.AUTO and (w.ranges or (address != ANY and not i)))
    return tuple(auto)


def fallback(name: str, unknown: Unknown) -> Chain:
    """The chain for what no service stands for."""
    cluster = unknown.of_connections
    return Chain(name=name, shares=(Share(cluster=cluster),), stat_prefix=cluster)


def any_addresses(families: tuple[str, ...]) -> tuple[str, ...]:
    """Every address, in the families that the workload has."""
    return tuple(a for family, a in (("ipv4", ANY), ("ipv6", ANY_V6)) if family in families) or (ANY,)


def virtual_outbound(e: Engine, families: tuple[str, ...], unknown: Unknown) -> Listener:
    """Where interception leads to: hands connections to the listener of their destination, or lets them pass."""
    port = mesh(e).proxy_listen_port
    # What is addressed to this port itself would come back here for ever.
    loop = Chain(
        name="virtualOutbound-blackhole",
        match=ChainMatch(port=port),
        shares=(Share(cluster=BLACK_HOLE_CLUSTER),),
        stat_prefix=BLACK_HOLE_CLUSTER,
    )
    by_name = unknown.resolves_names
    plain = ChainMatch(transport=RAW, protocols=PLAIN_HTTP)
    http = Chain(name="virtualOutbound-http", match=plain, table=UNKNOWN_TABLE, stat_prefix="outbound_unknown")
    return Listener(
        name="virtualOutbound",
        addresses=any_addresses(families),
        port=port,
        binds=True,
        use_original_destination=True,
        chains=(loop, http) if by_name else (loop,),
        default=fallback("virtualOutbound-catchall-tcp", unknown),
        inspect_tls=by_name,
        inspect_http=by_name,
        detection_timeout=mesh(e).protocol_detection_timeout,
        resolves_names=by_name,
        access_log=e.get(access_log),
        needs=unknown.needs | {BLACK_HOLE_CLUSTER},
    )


def outbound_listener(
    e: Engine, client: Client, families: tuple[str, ...], address: str, unknown: Unknown
) -> Listener | None:
    """One listener behind `virtualOutbound`; None where no service wants it any more."""
    port = client.port
    wanted = e.get(wishes_at, client.sight, address, port)
    if not wanted:
        return None
    plan = _Plan(e, client, wildcard=address == ANY)
    plan.take(wanted)
    sniffs = any(w.speech in (Speech.HTTP, Speech.AUTO) for w in wanted)
    names = any(c.match.server_names or c.match.transport for c in plan.chains)
    default = plan.default or fallback("PassthroughFilterChain", unknown)
    clusters = {s.cluster for c in (*plan.chains, default) for s in c.shares}
    known = plan.known | {PASSTHROUGH_CLUSTER, BLACK_HOLE_CLUSTER} | unknown.needs
    return Listener(
        name=listener_name(address, port, wanted),
        addresses=any_addresses(families) if address == ANY else (address,),
        port=port,
        binds=any(w.binds for w in wanted),
        chains=distinct(tuple(plan.chains)),
        default=default,
        inspect_tls=names or sniffs,
        inspect_http=sniffs,
        detection_timeout=mesh(e).protocol_detection_timeout,
        resolves_names=unknown.resolves_names,
        access_log=e.get(access_log),
        needs=frozenset(clusters & known),
        origin=tuple(dict.fromkeys(plan.origins)),
    )


class _Plan:
    """Collects the chains of one listener, the oldest service's first."""

    def __init__(self, e: Engine, client: Client, *, wildcard: bool) -> None:
        self.chains: list[Chain] = []
        self.default: Chain | None = None
        self.known: frozenset[str] = frozenset()
        self.origins: list[Origin] = []
        self._e = e
        self._client = client
        self._wildcard = wildcard

    def take(self, wanted: tuple[Wish, ...]) -> None:
        """All wishes, the oldest first."""
        if any(w.speech is Speech.HTTP for w in wanted) or (
            self._wildcard and any(w.speech is Speech.AUTO and not w.ranges for w in wanted)
        ):
            self._http(str(self._client.port), ())
        crowded = len({w.host for w in wanted if w.speech is not Speech.HTTP}) > 1
        for wish in sniffed(wanted[0].address, wanted):
            self._http(own_table(wish.host, wish.port), wish.ranges)
        for wish in wanted:
            found = self._e.get(service, wish.host)
            self.origins += [found.origin] if found else []
            if wish.speech is not Speech.HTTP:
                self._bytes(wish, by_name=crowded or self._wildcard)

    def _http(self, table: str, ranges: tuple[str, ...]) -> None:
        match = ChainMatch(ranges=ranges, transport=RAW, protocols=PLAIN_HTTP)
        self.chains.append(Chain(name=f"{table}-http", match=match, table=table, stat_prefix=f"outbound_{table}"))

    def _bytes(self, wish: Wish, *, by_name: bool) -> None:
        key = self._e.get(mesh_virtual_service, self._client.sight, wish.host)
        named = self._e.get(tls_rules, key, self._client) if key and wish.speech is Speech.TLS else ()
        for rule in named:
            self._rule(wish, rule, names=rule.server_names, by_name=True)
        if named:
            return
        plain = self._e.get(tcp_rules, key, self._client) if key else ()
        for rule in plain:
            self._rule(wish, rule, names=(), by_name=by_name)
        if not plain or all(r.ranges or r.sources for r in plain):
            self._own(wish, by_name=by_name)

    def _own(self, wish: Wish, *, by_name: bool) -> None:
        """To the service itself."""
        to = Target(host=wish.host, port=wish.port)
        names = (wish.host,) if wish.speech is Speech.TLS and by_name and wish.host != "*" else ()
        match = ChainMatch(ranges=wish.ranges, server_names=names, transport=TLS if names else "")
        self._note(to)
        self._place(
            Chain(
                name=f"{wish.host}:{wish.port}",
                match=match,
                shares=(Share(cluster=to.cluster),),
                stat_prefix=to.cluster,
                limits=self._limits((to,)),
                tunnel=self._tunnel((to,)),
            )
        )

    def _rule(self, wish: Wish, rule: Connections, *, names: tuple[str, ...], by_name: bool) -> None:
        if not names and by_name and wish.speech is Speech.TLS and wish.host != "*":
            names = (wish.host,)
        match = ChainMatch(
            ranges=rule.ranges or wish.ranges,
            server_names=names,
            transport=TLS if names else "",
            sources=rule.sources,
        )
        for to, _ in rule.splits:
            self._note(to)
        self.origins.append(rule.origin)
        shares = tuple(Share(cluster=to.cluster, weight=weight) for to, weight in rule.splits)
        prefix = shares[0].cluster if len(shares) == 1 else f"{wish.host}:{wish.port}"
        to = tuple(to for to, _ in rule.splits)
        self._place(
            Chain(
                name=f"{wish.host}:{wish.port}",
                match=match,
                shares=shares,
                stat_prefix=prefix,
                limits=self._limits(to),
                tunnel=self._tunnel(to),
            )
        )

    def _limits(self, to: tuple[Target, ...]) -> Limits:
        return tcp_limits(self._e, to, self._client.namespace, self._client.labels)

    def _tunnel(self, to: tuple[Target, ...]) -> Tunnel | None:
        return tcp_tunnel(self._e, to, self._client.namespace, self._client.labels)

    def _place(self, chain: Chain) -> None:
        """A chain that asks nothing is the default one, of which there is one only: the first."""
        if chain.match == ChainMatch():
            self.default = self.default or chain
        else:
            self.chains.append(chain)

    def _note(self, to: Target) -> None:
        if self._e.get(exists, to, self._client.sight):
            self.known |= {to.cluster}
