"""What becomes of calls that no service stands for.

Place:  model/mesh → [view/unknown] → view/outbound, view/virtual_host
Source: Istio, MeshConfig.outboundTrafficPolicy
"""

from meltemi.core.compose.mesh import mesh
from meltemi.core.engine.engine import Engine
from meltemi.core.model.mesh import OutboundMode
from meltemi.core.view.names import BLACK_HOLE_CLUSTER, PASSTHROUGH_CLUSTER

DYNAMIC = "AllowAnyDynamicDNSCluster"
"""To the host that the request names, resolved when it is asked for."""


def unknown_destination(e: Engine) -> str:
    """The cluster for connections that no service stands for."""
    registry_only = mesh(e).outbound_traffic_policy.mode is OutboundMode.REGISTRY_ONLY
    return BLACK_HOLE_CLUSTER if registry_only else PASSTHROUGH_CLUSTER


def resolves_names(e: Engine) -> bool:
    """Whether requests for unknown hosts go where their Host header says, not where the client was going."""
    return mesh(e).outbound_traffic_policy.mode is OutboundMode.ALLOW_ANY_DYNAMIC_DNS


def unknown_host(e: Engine) -> str:
    """The cluster for requests for hosts that no service stands for."""
    return DYNAMIC if e.get(resolves_names) else e.get(unknown_destination)


def fallback_label(e: Engine) -> str:
    """What the virtual host for all other names is called."""
    names = {BLACK_HOLE_CLUSTER: "block_all", PASSTHROUGH_CLUSTER: "allow_any", DYNAMIC: "allow_any_dynamic_dns"}
    return names[e.get(unknown_host)]
