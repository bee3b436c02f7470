"""The chains of one port of the workload: what comes by mutual TLS, in plain text, or as TLS of the application.

Place:  compose/peer_authentication, view/{mesh_tls,plain} → [view/inbound_chains] → view/inbound
Source: Istio, "PeerAuthentication" and "Protocol Selection"

Envoy decides by transport, then by ALPN, and never goes back: where a transport has any chain, it needs one for
every protocol that may come.

What takes mutual TLS under PERMISSIVE is the same under STRICT, to the letter: connections of a chain that is no more,
or no more the same, are closed when Envoy's drain time is over.
"""

from meltemi.core.model.registry.service import AppProtocol
from meltemi.core.model.security.peer_authentication import MutualTLSMode
from meltemi.core.model.value import Value
from meltemi.core.view.listener import PLAIN_HTTP, RAW, TLS, ChainMatch, ServerTLS
from meltemi.core.view.mesh_tls import SPEAKS, SPEAKS_BYTES, SPEAKS_HTTP
from meltemi.core.view.plain import Way, plain_name

DISABLE, PERMISSIVE, STRICT = MutualTLSMode.DISABLE, MutualTLSMode.PERMISSIVE, MutualTLSMode.STRICT


class InboundChain(Value, frozen=True, kw_only=True):
    """A chain: requests or bytes to one cluster."""

    name: str
    match: ChainMatch = ChainMatch()
    cluster: str
    http: bool = False
    grpc_web: bool = False
    number: int = 0
    """The service's port, of which the virtual host is named; 0 where there is no service."""
    operation: str = ""
    """What traces call the requests."""
    tls: ServerTLS | None = None
    """Mutual TLS ends here."""
    plain: bool = False
    """Whoever comes here has no mutual TLS, and goes by clusters that can be cut off (view/plain)."""
    apart: tuple[int, ...] = ()
    """Of the chain for all other ports: see view/strict."""

    @property
    def watched(self) -> str:
        """The cluster of plain callers that it hands over to in place of `cluster`, which users know; empty: none."""
        return plain_name(self.match.port, Way.REQUESTS if self.http else Way.BYTES) if self.plain else ""

    @property
    def behind(self) -> str:
        """The cluster that follows the listener inside; empty where that is not gone through."""
        return plain_name(self.match.port, Way.BEHIND) if self.plain and self.http else ""


class Entry(Value, frozen=True, kw_only=True):
    """One way in: which connections, whether mutual TLS ends there, and whether requests are read."""

    suffix: str
    transport: str = ""
    protocols: tuple[str, ...] = ()
    mutual: bool = False
    http: bool = False


_HTTP = {
    DISABLE: (Entry(suffix="", http=True),),
    PERMISSIVE: (
        Entry(suffix="-mtls", transport=TLS, protocols=SPEAKS, mutual=True, http=True),
        Entry(suffix="", transport=RAW, http=True),
    ),
    STRICT: (
        Entry(suffix="-mtls", transport=TLS, protocols=SPEAKS, mutual=True, http=True),
        Entry(suffix="-mtls-any", transport=TLS, mutual=True, http=True),
    ),
}
_BYTES = {
    DISABLE: (Entry(suffix=""),),
    PERMISSIVE: (
        Entry(suffix="-mtls", transport=TLS, protocols=SPEAKS, mutual=True),
        Entry(suffix="-tls", transport=TLS),
        Entry(suffix="", transport=RAW),
    ),
    STRICT: (
        Entry(suffix="-mtls", transport=TLS, protocols=SPEAKS, mutual=True),
        Entry(suffix="-mtls-any", transport=TLS, mutual=True),
    ),
}
_PLAIN = (Entry(suffix="-http", transport=RAW, protocols=PLAIN_HTTP, http=True), Entry(suffix="", transport=RAW))
_UNDECLARED = {
    DISABLE: (*_PLAIN, Entry(suffix="-tls", transport=TLS)),
    PERMISSIVE: (
        Entry(suffix="-mtls-http", transport=TLS, protocols=SPEAKS_HTTP, mutual=True, http=True),
        Entry(suffix="-mtls", transport=TLS, protocols=SPEAKS_BYTES, mutual=True),
        *_PLAIN,
        Entry(suffix="-tls", transport=TLS),
    ),
    STRICT: (
        Entry(suffix="-mtls-http", transport=TLS, protocols=SPEAKS_HTTP, mutual=True, http=True),
        Entry(suffix="-mtls", transport=TLS, protocols=SPEAKS_BYTES, mutual=True),
        Entry(suffix="-mtls-any", transport=TLS, mutual=True),
    ),
}


def entries(protocol: AppProtocol, mode: MutualTLSMode) -> tuple[Entry, ...]:
    """The ways into a port. `mode` is never UNSET."""
    if protocol.is_http:
        return _HTTP[mode]
    return (_UNDECLARED if protocol is AppProtocol.AUTO else _BYTES)[mode]


def chain(entry: Entry, base: InboundChain, tls: ServerTLS) -> InboundChain:
    """One way into a port. `base`: name, port, cluster and what is said of requests."""
    return InboundChain(
        name=f"{base.name}{entry.suffix}",
        match=ChainMatch(port=base.match.port, transport=entry.transport, protocols=entry.protocols),
        cluster=base.cluster,
        http=entry.http,
        grpc_web=entry.http and base.grpc_web,
        number=base.number if entry.http else 0,
        operation=base.operation if entry.http else "",
        tls=tls if entry.mutual else None,
        plain=base.plain and not entry.mutual,
        apart=base.apart,
    )
