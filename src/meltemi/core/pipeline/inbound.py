"""The listener and the clusters for calls to a sidecar's own workload.

Place:  view/{inbound,cluster} → envoy → [pipeline/inbound] → pipeline/slots
"""

from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.peer_authentication import PeerModes, modes_of
from meltemi.core.engine.engine import Engine
from meltemi.core.envoy.cluster import cluster_message
from meltemi.core.envoy.inbound import inbound_message
from meltemi.core.model.proxy import Scope, Target
from meltemi.core.model.registry.service import AppProtocol
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.pipeline.resource import resource_of
from meltemi.core.pipeline.slot import Call, Slot
from meltemi.core.view.cluster import inbound_cluster, inbound_passthrough
from meltemi.core.view.inbound import NAME, inbound_listener, inbound_ports
from meltemi.core.view.names import INBOUND_PASSTHROUGH_CLUSTER


def inbound_slots(e: Engine, scope: Scope) -> tuple[Slot, ...]:
    """One listener, a cluster for each port that a service names, and one for the others."""
    modes = e.get(modes_of, scope.namespace, scope.labels)
    listener = Call(function=inbound_body, args=(scope.targets, scope.ip_families, modes))
    passing = Call(function=inbound_passthrough_body, args=())
    ports = e.get(inbound_ports, scope.targets).values()
    return (
        Slot(type=ResourceType.LISTENER, name=NAME, body=listener),
        Slot(type=ResourceType.CLUSTER, name=INBOUND_PASSTHROUGH_CLUSTER, body=passing),
        *(
            Slot(
                type=ResourceType.CLUSTER,
                name=port.cluster,
                body=Call(function=inbound_cluster_body, args=(port.target, port.protocol)),
            )
            for port in ports
        ),
    )


def inbound_body(e: Engine, targets: tuple[Target, ...], families: tuple[str, ...], modes: PeerModes) -> Resource:
    """The inbound listener."""
    settled = e.get(inbound_listener, targets, families, modes)
    return resource_of(ResourceType.LISTENER, inbound_message(settled), needs=settled.needs, origin=settled.origin)


def inbound_cluster_body(e: Engine, target: int, protocol: AppProtocol) -> Resource:
    """The cluster of one port of the workload."""
    return resource_of(ResourceType.CLUSTER, cluster_message(inbound_cluster(mesh(e), target, protocol)))


def inbound_passthrough_body(e: Engine) -> Resource:
    """The cluster of all ports that no service names."""
    return resource_of(ResourceType.CLUSTER, cluster_message(inbound_passthrough(mesh(e))))
