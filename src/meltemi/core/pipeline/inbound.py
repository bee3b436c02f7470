"""The listener and the clusters for calls to a sidecar's own workload.

Place:  view/{inbound,cluster,plain} → envoy → [pipeline/inbound] → pipeline/slots
"""

from collections.abc import Iterator

from meltemi.core.compose.authentication import workload_modes
from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.peer_authentication import PeerModes
from meltemi.core.engine.engine import Engine
from meltemi.core.envoy.cluster import cluster_message
from meltemi.core.envoy.inbound import inbound_message
from meltemi.core.envoy.plain import health_listener, inside_listener
from meltemi.core.model.mesh_proxy import OwnSettings
from meltemi.core.model.proxy import Answers, Scope
from meltemi.core.model.registry.service import AppProtocol
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.model.units import Seconds
from meltemi.core.pipeline.resource import resource_of
from meltemi.core.pipeline.slot import Call, Slot
from meltemi.core.view.cluster import Cluster, in_letters, inbound_cluster, inbound_passthrough
from meltemi.core.view.http_settings import keeps_case
from meltemi.core.view.inbound import NAME, Inbound, inbound_listener, own_listener, own_name
from meltemi.core.view.inbound_ports import Delivery, deliveries, inbound_ports
from meltemi.core.view.names import BLACK_HOLE_CLUSTER, INBOUND_PASSTHROUGH_CLUSTER
from meltemi.core.view.plain import ALL_OTHERS, HEALTH, INSIDE, Way, plain_cluster, plain_name, ways

CUT = Seconds(30)
"""When mutual TLS is demanded, what cuts off plain callers must stay until it has."""


def inbound_slots(e: Engine, scope: Scope) -> tuple[Slot, ...]:
    """One listener, a cluster for each port that a service names, and one for the others."""
    modes = e.get(workload_modes, scope.namespace, scope.labels, scope.targets)
    listener = Call(function=inbound_body, args=(scope.answers, scope.ip_families, modes, scope.own))
    keeps = keeps_case(scope.own)
    passing = Call(function=inbound_passthrough_body, args=(keeps,))
    ports = e.get(inbound_ports, scope.answers).values()
    return (
        Slot(type=ResourceType.LISTENER, name=NAME, body=listener),
        Slot(type=ResourceType.CLUSTER, name=INBOUND_PASSTHROUGH_CLUSTER, body=passing),
        *(
            Slot(
                type=ResourceType.CLUSTER,
                name=to.cluster,
                body=Call(function=inbound_cluster_body, args=(to, keeps)),
            )
            for to in e.get(deliveries, scope.answers)
        ),
        *(
            Slot(
                type=ResourceType.LISTENER,
                name=own_name(port),
                body=Call(function=own_body, args=(scope.answers, port.target, modes, scope.own)),
            )
            for port in ports
            if port.bind
        ),
        *_plain_slots(e.get(deliveries, scope.answers), modes, keeps),
    )


def _plain_slots(ports: tuple[Delivery, ...], modes: PeerModes, keeps: bool) -> Iterator[Slot]:
    """What plain callers go by. The listeners are there under STRICT too: they must outlast a change to it."""
    yield Slot(type=ResourceType.LISTENER, name=INSIDE, body=Call(function=inside_body, args=()))
    known = (ALL_OTHERS, *sorted(to.target for to in ports))
    yield Slot(type=ResourceType.LISTENER, name=HEALTH, body=Call(function=health_body, args=(known,)))
    for way in ways(AppProtocol.AUTO, modes.mode):
        yield _plain_slot(ALL_OTHERS, way, Call(function=plain_passthrough_body, args=(way, keeps)))
    for to in ports:
        for way in ways(to.protocol, modes.at(to.target)):
            yield _plain_slot(to.target, way, Call(function=plain_body, args=(to, way, keeps)))


def _plain_slot(port: int, way: Way, body: Call) -> Slot:
    return Slot(type=ResourceType.CLUSTER, name=plain_name(port, way), body=body)


def inbound_body(
    e: Engine, answers: Answers, families: tuple[str, ...], modes: PeerModes, proxy: OwnSettings
) -> Resource:
    """The inbound listener."""
    return _listener(e.get(inbound_listener, answers, families, modes, proxy))


def own_body(e: Engine, answers: Answers, target: int, modes: PeerModes, proxy: OwnSettings) -> Resource | None:
    """The listener at one port that is not intercepted."""
    settled = e.get(own_listener, answers, target, modes, proxy)
    return _listener(settled) if settled else None


def _listener(settled: Inbound) -> Resource:
    return resource_of(
        ResourceType.LISTENER, inbound_message(settled), needs=settled.needs, hold=CUT, origin=settled.origin
    )


def inbound_cluster_body(e: Engine, to: Delivery, keeps: bool) -> Resource:
    """The cluster of one port of the workload. `keeps`: the letters of headers."""
    return _cluster(in_letters(inbound_cluster(mesh(e), to), keeps_case=keeps))


def inbound_passthrough_body(e: Engine, keeps: bool) -> Resource:
    """The cluster of all ports that no service names."""
    return _cluster(in_letters(inbound_passthrough(mesh(e)), keeps_case=keeps))


def plain_body(e: Engine, to: Delivery, way: Way, keeps: bool) -> Resource:
    """A cluster of plain callers at one port."""
    return _cluster(plain_cluster(in_letters(inbound_cluster(mesh(e), to), keeps_case=keeps), to.target, way))


def plain_passthrough_body(e: Engine, way: Way, keeps: bool) -> Resource:
    """The same at all ports that no service names."""
    return _cluster(plain_cluster(in_letters(inbound_passthrough(mesh(e)), keeps_case=keeps), ALL_OTHERS, way))


def inside_body(e: Engine) -> Resource:
    """The listener inside of Envoy that hands on requests of plain callers."""
    return resource_of(ResourceType.LISTENER, inside_listener(), needs=frozenset((BLACK_HOLE_CLUSTER,)))


def health_body(e: Engine, ports: tuple[int, ...]) -> Resource:
    """The listener that says whether plain callers are served."""
    return resource_of(ResourceType.LISTENER, health_listener(ports))


def _cluster(settled: Cluster) -> Resource:
    return resource_of(ResourceType.CLUSTER, cluster_message(settled))
