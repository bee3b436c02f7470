"""Which Gateways a gateway workload serves, and on which ports their servers listen together.

Place:  model/traffic/gateway → [compose/gateways] → view/gateway
Source: Istio, "Gateway"
"""

from collections.abc import Mapping
from enum import StrEnum

from meltemi.core.compose.inputs import age_of, document, keys
from meltemi.core.compose.registry import service
from meltemi.core.compose.virtual_services import GROUP
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Origin, Path
from meltemi.core.model.proxy import Target
from meltemi.core.model.traffic.gateway import Gateway, Server, ServerTLSMode
from meltemi.core.model.value import Value

KIND = "Gateway"
SERVICE_ANNOTATION = "internal.istio.io/gateway-service"
"""Names the Services whose workloads serve a Gateway, instead of a selector (conversions from the Gateway API)."""
KEEP_PORT_LABEL = "experimental.istio.io/disable-gateway-port-translation"
"""On a Service: its ports say nothing about where servers listen."""
ANY = "0.0.0.0"


class Kind(StrEnum):
    """How the first bytes on a server's port are taken; servers of different kinds cannot share a port."""

    HTTP = "http"
    TLS = "tls"
    TCP = "tcp"


class Bound(Value, frozen=True, kw_only=True):
    """A server on a port that its workload listens on."""

    gateway: str
    """`namespace/name`."""
    origin: Origin
    server: Server
    number: int
    """The server's port as written: what routes and names speak of."""
    kind: Kind

    @property
    def name(self) -> str:
        """Of the server's port."""
        return self.server.port.name if self.server.port else ""

    @property
    def terminates(self) -> bool:
        """Whether TLS ends here."""
        tls = self.server.tls
        passing = (ServerTLSMode.PASSTHROUGH, ServerTLSMode.AUTO_PASSTHROUGH)
        return self.kind is Kind.TLS and tls is not None and tls.mode not in passing

    @property
    def speaks_http(self) -> bool:
        """Whether requests, and not only connections, are routed."""
        return self.kind is Kind.HTTP or (self.terminates and protocol(self.server) in ("HTTPS", "HTTP2", "GRPC"))


class Selection(Value, frozen=True, kw_only=True):
    """Which workloads serve a Gateway."""

    key: Key
    age: tuple[str, str, str]
    selector: tuple[tuple[str, str], ...]
    services: tuple[str, ...] = ()
    """Instead of the selector, where not empty."""


def gateway(e: Engine, key: Key) -> Gateway | None:
    """The content of one Gateway."""
    found = document(e, key)
    return found.spec if found and isinstance(found.spec, Gateway) else None


def selection(e: Engine, key: Key) -> Selection | None:
    """Which workloads serve one Gateway."""
    found = document(e, key)
    if found is None or not isinstance(found.spec, Gateway):
        return None
    named = dict(found.meta.annotations).get(SERVICE_ANNOTATION, "")
    return Selection(
        key=key,
        age=age_of(found),
        selector=found.spec.selector,
        services=tuple(s.strip() for s in named.split(",") if s.strip()),
    )


def selections(e: Engine) -> tuple[Selection, ...]:
    """All Gateways, the oldest first."""
    found = (e.get(selection, key) for key in keys(e, GROUP, KIND))
    return tuple(sorted((s for s in found if s is not None), key=lambda s: s.age))


def gateway_keys(e: Engine) -> frozenset[str]:
    """`namespace/name` of every Gateway."""
    return frozenset(f"{s.key.namespace}/{s.key.name}" for s in e.get(selections))


def protocol(server: Server) -> str:
    """A server's protocol in capital letters."""
    return server.port.protocol.upper() if server.port else ""


def kind_of(server: Server) -> Kind:
    """How the first bytes on a server's port are taken."""
    word = protocol(server)
    if word in ("HTTPS", "TLS"):
        return Kind.TLS
    # An HTTP/2 or gRPC server with certificates speaks TLS as well.
    tls = server.tls is not None and not server.tls.https_redirect and _has_certificate(server)
    if word in ("HTTP", "HTTP2", "GRPC", "GRPC-WEB"):
        return Kind.TLS if tls and word != "HTTP" else Kind.HTTP
    return Kind.TCP


def _has_certificate(server: Server) -> bool:
    tls = server.tls
    return tls is not None and bool(
        tls.credential_name or tls.credential_names or tls.server_certificate or tls.tls_certificates
    )


def listening_ports(e: Engine, number: int, chosen: Selection, targets: tuple[Target, ...]) -> tuple[int, ...]:
    """Where a workload listens for a server's port: where its own Services send that port."""
    if chosen.services:
        place = chosen.key.namespace
        named = (t for t in targets if t.port == number and t.host in chosen.services)
        return tuple(sorted({t.target for t in named if e.get(namespace_of, t.host) == place}))
    ports = {t.target for t in targets if t.port == number and not _keeps_ports(e, t.host)}
    return tuple(sorted(ports)) or (number,)


def namespace_of(e: Engine, host: str) -> str:
    """Namespace of a service; empty where there is none."""
    found = e.get(service, host)
    return found.namespace if found else ""


def _keeps_ports(e: Engine, host: str) -> bool:
    found = e.get(service, host)
    return found is not None and KEEP_PORT_LABEL in dict(found.labels)


def bound_servers(
    e: Engine, labels: tuple[tuple[str, str], ...], targets: tuple[Target, ...]
) -> Mapping[tuple[str, int], tuple[Bound, ...]]:
    """(address, port) → the servers that a gateway workload serves there, the oldest Gateway's first."""
    found: dict[tuple[str, int], list[Bound]] = {}
    for chosen in e.get(selections):
        spec = e.get(gateway, chosen.key)
        if spec is None or (not chosen.services and not set(chosen.selector) <= set(labels)):
            continue
        for i, server in enumerate(spec.servers):
            number = server.port.number if server.port and server.port.number else 0
            bound = Bound(
                gateway=f"{chosen.key.namespace}/{chosen.key.name}",
                origin=Origin(key=chosen.key, path=Path(f"spec.servers[{i}]")),
                server=server,
                number=number,
                kind=kind_of(server),
            )
            for port in listening_ports(e, number, chosen, targets) if number else ():
                found.setdefault((server.bind or ANY, port), []).append(bound)
    return {place: tuple(servers) for place, servers in sorted(found.items())}


def sharing(servers: tuple[Bound, ...]) -> tuple[Bound, ...]:
    """The servers on one port that can be served together: the first decides; of plain TCP only the first is."""
    first = servers[0]
    return (first,) if first.kind is Kind.TCP else tuple(s for s in servers if s.kind is first.kind)


def shut_out(servers: tuple[Bound, ...]) -> tuple[Bound, ...]:
    """The others."""
    served = sharing(servers)
    return tuple(s for s in servers if s not in served)


def server_hosts(bound: Bound) -> tuple[tuple[str, str], ...]:
    """(namespace or `*`, host) of a server: VirtualServices of that namespace may serve that host."""
    own = bound.origin.key.namespace
    split = (h.rpartition("/") for h in bound.server.hosts)
    return tuple((own if place == "." else place or "*", host.lower()) for place, _, host in split)
