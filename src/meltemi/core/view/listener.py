"""Listeners and filter chains, settled: what outbound traffic and gateways have in common.

Place:  view/outbound, view/gateway → [view/listener] → envoy/listener
"""

from itertools import product

from msgspec import structs

from meltemi.core.model.document import Origin
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value
from meltemi.core.view.access_log import LogTo
from meltemi.core.view.http_settings import HttpSettings

PLAIN_HTTP = ("http/1.0", "http/1.1", "h2c")
"""What Envoy's HTTP inspector calls what it finds in plain text."""

RAW = "raw_buffer"
TLS = "tls"


class ServerTLS(Value, frozen=True, kw_only=True):
    """TLS that a proxy terminates; certificates are files, or secrets asked for by name."""

    secrets: tuple[str, ...] = ()
    """Names of the secrets with certificate and key, as Istio's agents ask for them."""
    trusted_secret: str = ""
    """Name of the secret with the CAs that clients' certificates come from."""
    certificates: tuple[tuple[str, str], ...] = ()
    """(certificate file, key file), instead of `secrets`."""
    trusted_file: str = ""
    revoked_file: str = ""
    client_certificate: bool = False
    """A client must show a certificate."""
    subject_alt_names: tuple[str, ...] = ()
    san_prefixes: tuple[str, ...] = ()
    """How a URI name of the client's certificate may begin."""
    spki_hashes: tuple[str, ...] = ()
    certificate_hashes: tuple[str, ...] = ()
    min_version: str = ""
    """`TLSv1_2` and the like, as Envoy calls them; empty is Envoy's default."""
    max_version: str = ""
    ciphers: tuple[str, ...] = ()
    curves: tuple[str, ...] = ()
    alpn: tuple[str, ...] = ("h2", "http/1.1")


class ChainMatch(Value, frozen=True, kw_only=True):
    """Which connections a chain takes; empty fields ask nothing.

    Envoy decides by one field after the other and never goes back: a connection whose address fits a chain with
    `ranges` is only ever taken by chains with the same range (or the default chain).
    """

    port: int = 0
    ranges: tuple[str, ...] = ()
    """CIDR ranges of the destination."""
    server_names: tuple[str, ...] = ()
    transport: str = ""
    protocols: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    """CIDR ranges of the source."""


class Share(Value, frozen=True, kw_only=True):
    """One destination of connections."""

    cluster: str
    weight: int = 1


class Limits(Value, frozen=True, kw_only=True):
    """How long a connection of bytes may last."""

    age: Seconds | None = None
    """Its longest life."""
    idle: Seconds | None = None
    """After so long without a byte it is closed; None is Envoy's default, 1 h."""


class Tunnel(Value, frozen=True, kw_only=True):
    """Connections go through a forward proxy: the cluster leads to it, not to the target."""

    target: str
    """`host:port`, as the forward proxy is asked for it."""
    post: bool = False
    """POST in place of CONNECT."""


class Chain(Value, frozen=True, kw_only=True):
    """A filter chain: HTTP by a route table, or bytes to clusters."""

    name: str
    match: ChainMatch = ChainMatch()
    table: str = ""
    """Route table of an HTTP chain; empty is a chain of bytes."""
    on_demand: bool = False
    """A request whose host is not in the table waits until it is."""
    shares: tuple[Share, ...] = ()
    stat_prefix: str = ""
    tls: ServerTLS | None = None
    limits: Limits = Limits()
    tunnel: Tunnel | None = None
    dialled: int = 0
    """The port of the host that a connection's TLS names, where it goes there."""


class Listener(Value, frozen=True, kw_only=True):
    """A listener."""

    name: str
    addresses: tuple[str, ...]
    port: int
    binds: bool = False
    """False: reached only by the original destination of what another listener took."""
    use_original_destination: bool = False
    chains: tuple[Chain, ...] = ()
    default: Chain | None = None
    inspect_tls: bool = False
    inspect_http: bool = False
    detection_timeout: Seconds = Seconds(0)
    """How long inspectors wait for a first byte; 0 is without end."""
    gateway: bool = False
    resolves_names: bool = False
    """Some requests go to the host that they name."""
    access_log: LogTo | None = None
    http: HttpSettings = HttpSettings()
    proxy_protocol: bool = False
    """Connections begin with a PROXY header."""
    needs: frozenset[str] = frozenset()
    origin: tuple[Origin, ...] = ()


def distinct(chains: tuple[Chain, ...]) -> tuple[Chain, ...]:
    """The chains without those that an earlier one hides: Envoy refuses a listener with two equal matches.

    Of two chains with one server name the first keeps it; a chain that loses all its names goes.
    """
    taken: set[tuple[str, ...]] = set()
    kept: list[Chain] = []
    for chain in chains:
        match = chain.match
        names = tuple(n for n in dict.fromkeys(match.server_names or ("",)) if not taken & _claims(match, n))
        if not names:
            continue
        for name in names:
            taken |= _claims(match, name)
        if match.server_names and names != match.server_names:
            chain = structs.replace(chain, match=structs.replace(match, server_names=names))  # noqa: PLW2901
        kept.append(chain)
    return tuple(kept)


def _claims(match: ChainMatch, name: str) -> set[tuple[str, ...]]:
    """Every single combination that a match stands for with one server name."""
    parts = (match.ranges or ("",), match.protocols or ("",), match.sources or ("",))
    return {(str(match.port), r, name, match.transport, p, s) for r, p, s in product(*parts)}
