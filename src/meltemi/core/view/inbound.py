"""What a sidecar does with calls to its own workload.

Place:  view/{inbound_ports,plain} → [view/inbound] → envoy/inbound, pipeline/inbound
Source: Istio, "Understanding Traffic Routing", inbound traffic; "Protocol Selection"

One listener takes everything that interception leads to it. Ports that a service or a Sidecar names have chains of
their own; the first bytes decide on ports without a declared protocol, and on all others (view/inbound_chains).
"""

from collections.abc import Iterable, Iterator, Mapping

from msgspec import structs

from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.peer_authentication import PeerModes
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Origin
from meltemi.core.model.mesh import MeshConfig, MeshTLS
from meltemi.core.model.mesh_proxy import NOTHING_OWN, OwnSettings
from meltemi.core.model.proxy import Answers
from meltemi.core.model.registry.service import AppProtocol
from meltemi.core.model.security.peer_authentication import MutualTLSMode
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value
from meltemi.core.view.access_log import LogTo, access_log
from meltemi.core.view.http_settings import HttpSettings, http_settings
from meltemi.core.view.inbound_chains import Entry, InboundChain, chain, entries
from meltemi.core.view.inbound_ports import Port, inbound_ports
from meltemi.core.view.listener import TLS, ChainMatch, ServerTLS
from meltemi.core.view.mesh_tls import workload_tls
from meltemi.core.view.names import BLACK_HOLE_CLUSTER, INBOUND_PASSTHROUGH_CLUSTER
from meltemi.core.view.plain import ALL_OTHERS
from meltemi.core.view.retry import Retry, effective_retry
from meltemi.core.view.server_tls import server_tls
from meltemi.core.view.strict import apart

NAME = "virtualInbound"
WILDCARDS = {"ipv4": "0.0.0.0", "ipv6": "::"}


class Inbound(Value, frozen=True, kw_only=True):
    """The inbound listener, settled."""

    name: str = NAME
    addresses: tuple[str, ...]
    port: int
    intercepts: bool = True
    """False: callers address the listener itself."""
    chains: tuple[InboundChain, ...]
    declared: tuple[int, ...] = ()
    """Ports on which nothing is to be found out: a server that speaks first must not wait."""
    detection_timeout: Seconds = Seconds(0)
    access_log: LogTo | None = None
    http: HttpSettings = HttpSettings()
    retry: Retry | None = None
    """Of requests that the workload did not take."""
    needs: frozenset[str] = frozenset()
    origin: tuple[Origin, ...] = ()


def inbound_listener(
    e: Engine, answers: Answers, families: tuple[str, ...], modes: PeerModes, proxy: OwnSettings = NOTHING_OWN
) -> Inbound:
    """The listener for all calls to the workload. `modes`: what it demands of callers."""
    settings = mesh(e)
    ports = e.get(inbound_ports, answers)
    own, tls = settings.proxy_inbound_listen_port, workload_tls(settings)
    named = (c for port in ports.values() for c in _chains(port, modes.at(port.target), tls, settings.tls_defaults))
    others = (c for number in _unnamed(modes, ports) for c in _passing(number, modes, tls))
    chains = (_loop(own), *named, *others)
    return Inbound(
        addresses=tuple(WILDCARDS[f] for f in WILDCARDS if f in families) or (WILDCARDS["ipv4"],),
        port=own,
        chains=chains,
        declared=_declared(ports.values()),
        detection_timeout=settings.protocol_detection_timeout,
        access_log=e.get(access_log),
        http=http_settings(settings, proxy, gateway=False),
        retry=_retry(settings),
        needs=_needs(chains),
        origin=tuple(dict.fromkeys((*(port.origin for port in ports.values()), *modes.origin))),
    )


def own_name(port: Port) -> str:
    """What a listener of its own is called: outbound listeners are called by address and port alone."""
    return f"inbound_{port.bind}_{port.target}"


def own_listener(
    e: Engine, answers: Answers, target: int, modes: PeerModes, proxy: OwnSettings = NOTHING_OWN
) -> Inbound | None:
    """A listener at one port, which callers reach without interception; None where the Sidecar wants none any more.

    Source: Istio, message IstioIngressListener: `captureMode: NONE`.
    """
    settings, port = mesh(e), e.get(inbound_ports, answers).get(target)
    if port is None or not port.bind:
        return None
    chains = tuple(_chains(port, modes.at(target), workload_tls(settings), settings.tls_defaults))
    return Inbound(
        name=own_name(port),
        addresses=(port.bind,),
        port=target,
        intercepts=False,
        chains=chains,
        declared=_declared((port,)),
        detection_timeout=settings.protocol_detection_timeout,
        access_log=e.get(access_log),
        http=http_settings(settings, proxy, gateway=False),
        retry=_retry(settings),
        needs=_needs(chains),
        origin=(port.origin, *modes.origin),
    )


def _needs(chains: Iterable[InboundChain]) -> frozenset[str]:
    return frozenset(name for c in chains for name in (c.cluster, c.watched, c.behind) if name)


def _retry(settings: MeshConfig) -> Retry | None:
    written = settings.default_inbound_http_retry_policy
    return effective_retry(written, hashed=True) if written else None


def _declared(ports: Iterable[Port]) -> tuple[int, ...]:
    return tuple(port.target for port in ports if port.protocol is not AppProtocol.AUTO)


def _loop(own: int) -> InboundChain:
    """What is addressed to the listener itself would come back here for ever."""
    return InboundChain(name=f"{NAME}-blackhole", match=ChainMatch(port=own), cluster=BLACK_HOLE_CLUSTER)


def _chains(port: Port, mode: MutualTLSMode, tls: ServerTLS, defaults: MeshTLS) -> Iterator[InboundChain]:
    """The ways into one port. Its own TLS counts where the mesh's is off (Istio, IstioIngressListener.tls)."""
    base = InboundChain(
        name=f"0.0.0.0_{port.target}",
        match=ChainMatch(port=port.target),
        cluster=port.cluster,
        grpc_web=port.protocol is AppProtocol.GRPC_WEB,
        number=port.number,
        operation=f"{port.host}:{port.number}/*",
        plain=True,
    )
    if port.tls is not None and mode is MutualTLSMode.DISABLE:
        http = port.protocol is AppProtocol.HTTPS
        entry = Entry(suffix="-tls", transport=TLS, mutual=True, http=http)
        made = chain(entry, base, server_tls(port.tls, http=http, defaults=defaults))
        yield structs.replace(made, plain=True)  # to the mesh it is
        return
    yield from (chain(entry, base, tls) for entry in entries(port.protocol, mode))


def _unnamed(modes: PeerModes, ports: Mapping[int, Port]) -> Iterator[int]:
    """Ports without a service of which something else is demanded; 0 stands for all others."""
    yield from (number for number, _ in modes.ports if number not in ports)
    yield 0


def _passing(number: int, modes: PeerModes, tls: ServerTLS) -> Iterator[InboundChain]:
    cluster = INBOUND_PASSTHROUGH_CLUSTER
    name, kept = (f"{NAME}_{number}", ()) if number else (NAME, apart(modes))
    base = InboundChain(
        name=name,
        match=ChainMatch(port=number),
        cluster=cluster,
        operation=f"{cluster}/*",
        apart=kept,
        # A chain that goes with its policy must leave no connection behind without its clusters.
        plain=number == ALL_OTHERS,
    )
    requests = structs.replace(base, name=f"{name}-catchall")
    ways = entries(AppProtocol.AUTO, modes.at(number))
    return (chain(entry, requests if entry.http else base, tls) for entry in ways)
