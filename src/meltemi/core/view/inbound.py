"""What a sidecar does with calls to its own workload.

Place:  model/proxy Scope.targets → [view/inbound] → envoy/inbound, pipeline/inbound
Source: Istio, "Understanding Traffic Routing", inbound traffic; "Protocol Selection"

One listener takes everything that interception leads to it. Ports that a service names have chains of their own; the
first bytes decide on ports without a declared protocol, and on ports that no service names (view/inbound_chains).
"""

from collections.abc import Iterator, Mapping

from msgspec import structs

from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.peer_authentication import PeerModes
from meltemi.core.compose.registry import port_of, service
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Origin
from meltemi.core.model.proxy import Target
from meltemi.core.model.registry.service import AppProtocol
from meltemi.core.model.security.peer_authentication import MutualTLSMode
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value
from meltemi.core.view.access_log import LogTo, access_log
from meltemi.core.view.inbound_chains import InboundChain, chain, entries
from meltemi.core.view.listener import ChainMatch, ServerTLS
from meltemi.core.view.mesh_tls import workload_tls
from meltemi.core.view.names import BLACK_HOLE_CLUSTER, INBOUND_PASSTHROUGH_CLUSTER, cluster_name

NAME = "virtualInbound"
WILDCARDS = {"ipv4": "0.0.0.0", "ipv6": "::"}


class Port(Value, frozen=True, kw_only=True):
    """One port of the workload that a service names."""

    target: int
    """The workload's port."""
    number: int
    """The service's port."""
    host: str
    protocol: AppProtocol

    @property
    def cluster(self) -> str:
        return cluster_name("inbound", self.target)


class Inbound(Value, frozen=True, kw_only=True):
    """The inbound listener, settled."""

    name: str = NAME
    addresses: tuple[str, ...]
    port: int
    chains: tuple[InboundChain, ...]
    sniffed: tuple[int, ...] = ()
    """Ports on which the first bytes tell HTTP from anything else."""
    declared: tuple[int, ...] = ()
    """Ports on which nothing is to be found out: a server that speaks first must not wait."""
    detection_timeout: Seconds = Seconds(0)
    access_log: LogTo | None = None
    needs: frozenset[str] = frozenset()
    origin: tuple[Origin, ...] = ()


def inbound_ports(e: Engine, targets: tuple[Target, ...]) -> Mapping[int, Port]:
    """The workload's port → what the oldest service that names it says of it."""
    found: dict[int, tuple[tuple[str, str], Port]] = {}
    for t in targets:
        owner, written = e.get(service, t.host), e.get(port_of, t.host, t.port)
        if owner is None or written is None or written.protocol is AppProtocol.UDP:
            continue
        age = (owner.created or "\uffff", t.host)
        port = Port(target=t.target, number=t.port, host=t.host, protocol=written.protocol)
        if t.target not in found or age < found[t.target][0]:
            found[t.target] = (age, port)
    return {target: port for target, (_, port) in sorted(found.items())}


def port_at(e: Engine, targets: tuple[Target, ...], target: int) -> Port | None:
    """One port of the workload."""
    return e.get(inbound_ports, targets).get(target)


def inbound_listener(e: Engine, targets: tuple[Target, ...], families: tuple[str, ...], modes: PeerModes) -> Inbound:
    """The listener for all calls to the workload. `modes`: what it demands of callers."""
    settings = mesh(e)
    ports = e.get(inbound_ports, targets)
    own, tls = settings.proxy_inbound_listen_port, workload_tls(settings)
    named = (c for port in ports.values() for c in _chains(port, modes.at(port.target), tls))
    others = (c for number in _unnamed(modes, ports) for c in _passing(number, modes.at(number), tls))
    chains = (_loop(own), *named, *others)
    services = [found.origin for port in ports.values() if (found := e.get(service, port.host))]
    return Inbound(
        addresses=tuple(WILDCARDS[f] for f in WILDCARDS if f in families) or (WILDCARDS["ipv4"],),
        port=own,
        chains=chains,
        sniffed=tuple(n for n, port in ports.items() if port.protocol is AppProtocol.AUTO),
        declared=tuple(n for n, port in ports.items() if port.protocol is not AppProtocol.AUTO),
        detection_timeout=settings.protocol_detection_timeout,
        access_log=e.get(access_log),
        needs=frozenset(c.cluster for c in chains),
        origin=tuple(dict.fromkeys((*services, *modes.origin))),
    )


def _loop(own: int) -> InboundChain:
    """What is addressed to the listener itself would come back here for ever."""
    return InboundChain(name=f"{NAME}-blackhole", match=ChainMatch(port=own), cluster=BLACK_HOLE_CLUSTER)


def _chains(port: Port, mode: MutualTLSMode, tls: ServerTLS) -> Iterator[InboundChain]:
    base = InboundChain(
        name=f"0.0.0.0_{port.target}",
        match=ChainMatch(port=port.target),
        cluster=port.cluster,
        grpc_web=port.protocol is AppProtocol.GRPC_WEB,
        number=port.number,
        operation=f"{port.host}:{port.number}/*",
    )
    return (chain(entry, base, tls) for entry in entries(port.protocol, mode))


def _unnamed(modes: PeerModes, ports: Mapping[int, Port]) -> Iterator[int]:
    """Ports without a service of which something else is demanded; 0 stands for all others."""
    yield from (number for number, _ in modes.ports if number not in ports)
    yield 0


def _passing(number: int, mode: MutualTLSMode, tls: ServerTLS) -> Iterator[InboundChain]:
    cluster = INBOUND_PASSTHROUGH_CLUSTER
    name = f"{NAME}_{number}" if number else NAME
    base = InboundChain(name=name, match=ChainMatch(port=number), cluster=cluster, operation=f"{cluster}/*")
    requests = structs.replace(base, name=f"{name}-catchall")
    return (chain(entry, requests if entry.http else base, tls) for entry in entries(AppProtocol.AUTO, mode))
