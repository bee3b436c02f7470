"""What becomes of calls that no service stands for.

Place:  model/mesh → [view/unknown] → view/outbound, view/virtual_host
Source: Istio, MeshConfig.outboundTrafficPolicy
"""

from meltemi.core.compose.mesh import mesh
from meltemi.core.engine.engine import Engine
from meltemi.core.model.mesh import OutboundMode

PASSTHROUGH = "PassthroughCluster"
"""To where the client wanted to go."""
BLACK_HOLE = "BlackHoleCluster"
"""Nowhere: it has no endpoints."""


def unknown_destination(e: Engine) -> str:
    """The cluster for what no service stands for."""
    registry_only = mesh(e).outbound_traffic_policy.mode is OutboundMode.REGISTRY_ONLY
    return BLACK_HOLE if registry_only else PASSTHROUGH
