"""The workload's ports that have chains of their own: services name them, or the ingress listeners of a Sidecar.

Place:  compose/{registry,sidecars} → [view/inbound_ports] → view/{inbound,strict}, view/cluster, pipeline/inbound
Source: Istio, "Understanding Traffic Routing", inbound traffic; "Sidecar", message IstioIngressListener: where a
        Sidecar has ingress listeners, they are all
"""

from collections.abc import Iterator

from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.protocols import entry_protocol
from meltemi.core.compose.registry import port_of, service
from meltemi.core.compose.sidecars import sidecar
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Origin, Path
from meltemi.core.model.proxy import Answers, Target
from meltemi.core.model.registry.service import AppProtocol
from meltemi.core.model.traffic.destination_rule import ConnectionPoolSettings
from meltemi.core.model.traffic.gateway import ServerTLSSettings
from meltemi.core.model.traffic.sidecar import CaptureMode, IstioIngressListener
from meltemi.core.model.value import Value
from meltemi.core.view.names import cluster_name
from meltemi.core.view.stat_name import stat_name

ANY, LOCAL = "0.0.0.0", "127.0.0.1"


class Delivery(Value, frozen=True, kw_only=True):
    """How calls to one port are handed to the workload; ports of several workloads may have equal ones."""

    target: int
    """The workload's port, as callers address it."""
    protocol: AppProtocol
    endpoint: str = ""
    """Where a Sidecar says that the workload listens (`127.0.0.1:8080`, `unix:///path`); empty is at `target`."""
    pool: ConnectionPoolSettings | None = None
    stat_name: str = ""
    """What the metrics of its cluster are called, where the mesh says it."""

    @property
    def cluster(self) -> str:
        return cluster_name("inbound", self.target)


class Port(Value, frozen=True, kw_only=True):
    """One port of the workload."""

    delivery: Delivery
    number: int
    """The service's port."""
    host: str
    """Of the service; `name.namespace` of the Sidecar."""
    origin: Origin
    tls: ServerTLSSettings | None = None
    """TLS of callers that do not speak the mesh's."""
    bind: str = ""
    """Where a listener of its own binds, without interception."""

    @property
    def target(self) -> int:
        return self.delivery.target

    @property
    def protocol(self) -> AppProtocol:
        return self.delivery.protocol

    @property
    def cluster(self) -> str:
        return self.delivery.cluster


def inbound_ports(e: Engine, answers: Answers) -> dict[int, Port]:
    """The workload's port → what the Sidecar in force, or else the oldest service that names it, says of it."""
    listeners = tuple(_of_sidecar(e, answers.sidecar, answers.address)) if answers.sidecar else ()
    return {port.target: port for port in listeners} or _of_services(e, answers)


def deliveries(e: Engine, answers: Answers) -> tuple[Delivery, ...]:
    """What needs a cluster: the ports above, and those of services that a Sidecar leaves out.

    Connections from before the Sidecar stay on their old chains until the drain is over; without their cluster each
    of their requests is answered 503 (docs/envoy.md).
    """
    return tuple(port.delivery for port in (_of_services(e, answers) | e.get(inbound_ports, answers)).values())


def _of_services(e: Engine, answers: Answers) -> dict[int, Port]:
    pool = inbound_pool(e, answers.sidecar)
    found: dict[int, tuple[tuple[str, str], Port]] = {}
    for t in answers.targets:
        made = _of_service(e, t, pool)
        if made is not None and (t.target not in found or made[0] < found[t.target][0]):
            found[t.target] = made
    return {target: port for target, (_, port) in sorted(found.items())}


def _of_service(e: Engine, t: Target, pool: ConnectionPoolSettings | None) -> tuple[tuple[str, str], Port] | None:
    owner, written = e.get(service, t.host), e.get(port_of, t.host, t.port)
    if owner is None or written is None or written.protocol is AppProtocol.UDP:
        return None
    called = stat_name(mesh(e).inbound_cluster_stat_name, owner, written, target=t.target)
    delivery = Delivery(target=t.target, protocol=written.protocol, pool=pool, stat_name=called)
    return (owner.created or "\uffff", t.host), Port(delivery=delivery, number=t.port, host=t.host, origin=owner.origin)


def inbound_pool(e: Engine, key: Key | None) -> ConnectionPoolSettings | None:
    """Limits of connections to the workload at all its ports."""
    found = e.get(sidecar, key) if key else None
    return found.inbound_connection_pool if found else None


def _of_sidecar(e: Engine, key: Key, address: str) -> Iterator[Port]:
    found = e.get(sidecar, key)
    for i, listener in enumerate(found.ingress if found else ()):
        if listener.port and listener.port.number:
            number, written, bind = listener.port.number, listener.port, _bind(listener, address)
            delivery = Delivery(
                target=number,
                protocol=entry_protocol(written.protocol, written.name, number),
                endpoint=listener.default_endpoint or (f"{LOCAL}:{number}" if bind else ""),
                pool=listener.connection_pool or e.get(inbound_pool, key),
            )
            yield Port(
                delivery=delivery,
                number=number,
                host=f"{key.name}.{key.namespace}",
                origin=Origin(key=key, path=Path(f"spec.ingress[{i}]")),
                tls=listener.tls,
                bind=bind,
            )


def _bind(listener: IstioIngressListener, address: str) -> str:
    """Where a listener binds. Outbound listeners have all addresses, which Envoy gives to one listener only."""
    if listener.capture_mode is not CaptureMode.NONE:
        return ""
    return address if listener.bind in ("", ANY) else listener.bind
