"""The listener and the clusters for calls to a sidecar's own workload.

Place:  view/{inbound,cluster} → envoy → [pipeline/inbound] → pipeline/slots
"""

from meltemi.core.compose.authentication import workload_modes
from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.peer_authentication import PeerModes
from meltemi.core.engine.engine import Engine
from meltemi.core.envoy.cluster import cluster_message
from meltemi.core.envoy.inbound import inbound_message
from meltemi.core.model.mesh_proxy import OwnSettings
from meltemi.core.model.proxy import Answers, Scope
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.pipeline.resource import resource_of
from meltemi.core.pipeline.slot import Call, Slot
from meltemi.core.view.cluster import in_letters, inbound_cluster, inbound_passthrough
from meltemi.core.view.http_settings import keeps_case
from meltemi.core.view.inbound import NAME, Inbound, inbound_listener, own_listener, own_name
from meltemi.core.view.inbound_ports import Delivery, deliveries, inbound_ports
from meltemi.core.view.names import INBOUND_PASSTHROUGH_CLUSTER


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
    )


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
    return resource_of(ResourceType.LISTENER, inbound_message(settled), needs=settled.needs, origin=settled.origin)


def inbound_cluster_body(e: Engine, to: Delivery, keeps: bool) -> Resource:
    """The cluster of one port of the workload. `keeps`: the letters of headers."""
    settled = in_letters(inbound_cluster(mesh(e), to), keeps_case=keeps)
    return resource_of(ResourceType.CLUSTER, cluster_message(settled))


def inbound_passthrough_body(e: Engine, keeps: bool) -> Resource:
    """The cluster of all ports that no service names."""
    settled = in_letters(inbound_passthrough(mesh(e)), keeps_case=keeps)
    return resource_of(ResourceType.CLUSTER, cluster_message(settled))
