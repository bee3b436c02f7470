"""A sidecar's outbound listeners: what each does with a connection.

Place:  view/{wishes,tcp_route} → [view/outbound] → envoy/listener, pipeline/outbound
Source: Istio, "Protocol Selection", "Understanding Traffic Routing"

Of services that share a listener (view/wishes) one is found by its address range, by the server name of TLS, or (one
per port) as what is left over.
"""

from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.registry import service
from meltemi.core.compose.virtual_services import mesh_virtual_service
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Origin
from meltemi.core.model.mesh_proxy import NOTHING_OWN, OwnSettings
from meltemi.core.view.access_log import access_log
from meltemi.core.view.destination import Target, dialled, dialled_of, exists, sees_dialled
from meltemi.core.view.http_settings import http_settings
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
from meltemi.core.view.tcp_route import Connections, tcp_rules, tls_rules
from meltemi.core.view.unknown import Unknown
from meltemi.core.view.wishes import ANY, ANY_V6, Speech, Wish, listener_name, own_table, sniffed, wishes_at

UNKNOWN_TABLE = "unknown"
"""Route table for requests on ports of which no service is known, where they go by name."""


def fallback(name: str, unknown: Unknown) -> Chain:
    """The chain for what no service stands for."""
    cluster = unknown.of_connections
    return Chain(name=name, shares=(Share(cluster=cluster),), stat_prefix=cluster)


def any_addresses(families: tuple[str, ...]) -> tuple[str, ...]:
    """Every address, in the families that the workload has."""
    return tuple(a for family, a in (("ipv4", ANY), ("ipv6", ANY_V6)) if family in families) or (ANY,)


def virtual_outbound(
    e: Engine, families: tuple[str, ...], unknown: Unknown, proxy: OwnSettings = NOTHING_OWN
) -> Listener:
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
        http=http_settings(mesh(e), proxy, gateway=False),
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
        resolves_names=unknown.resolves_names or e.get(sees_dialled, client.sight),
        access_log=e.get(access_log),
        http=http_settings(mesh(e), client.proxy, gateway=False),
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
        shared = table == str(self._client.port)
        self.chains.append(
            Chain(
                name=f"{table}-http",
                match=match,
                table=table,
                on_demand=self._client.on_demand and shared,
                stat_prefix=f"outbound_{table}",
            )
        )

    def _bytes(self, wish: Wish, *, by_name: bool) -> None:
        key = mesh_virtual_service(self._e, self._client.sight, wish.host)
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
                dialled=self._e.get(dialled, to),
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
                dialled=dialled_of(self._e, to),
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
        if exists(self._e, to, self._client.sight):
            self.known |= {to.cluster}
