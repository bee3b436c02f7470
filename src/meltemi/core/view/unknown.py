"""What becomes of calls that no service stands for.

Place:  model/mesh, compose/sidecars → [view/unknown] → view/outbound, view/virtual_host
Source: Istio, MeshConfig.outboundTrafficPolicy; "Sidecar", field `outboundTrafficPolicy`
"""

from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.sidecars import sidecar
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key
from meltemi.core.model.mesh import OutboundMode
from meltemi.core.model.proxy import Sight
from meltemi.core.model.value import Value
from meltemi.core.view.destination import exists, target
from meltemi.core.view.names import BLACK_HOLE_CLUSTER, PASSTHROUGH_CLUSTER

DYNAMIC = "AllowAnyDynamicDNSCluster"
"""To the host that the request names, resolved when it is asked for."""


class Unknown(Value, frozen=True, kw_only=True):
    """What a sidecar does with such calls."""

    mode: OutboundMode = OutboundMode.ALLOW_ANY
    proxy: str = ""
    """The cluster of the egress proxy that takes them."""
    proxy_exists: bool = False

    @property
    def refused(self) -> bool:
        return self.mode is OutboundMode.REGISTRY_ONLY

    @property
    def resolves_names(self) -> bool:
        """Requests go where their Host header says, not where the client was going."""
        return self.mode is OutboundMode.ALLOW_ANY_DYNAMIC_DNS

    @property
    def of_connections(self) -> str:
        """The cluster for connections."""
        return BLACK_HOLE_CLUSTER if self.refused else self.proxy or PASSTHROUGH_CLUSTER

    @property
    def of_requests(self) -> str:
        """The cluster for requests."""
        return DYNAMIC if self.resolves_names else self.of_connections

    @property
    def needs(self) -> frozenset[str]:
        """Of the clusters named here those that exist. Every proxy has the fixed ones."""
        return frozenset() if self.proxy and not self.proxy_exists else frozenset((self.of_connections,))

    @property
    def label(self) -> str:
        """What the virtual host for all other names is called."""
        if self.resolves_names:
            return "allow_any_dynamic_dns"
        return "block_all" if self.refused else "allow_any"


def egress_hosts(e: Engine, key: Key | None) -> tuple[str, ...]:
    """The host of the egress proxy of a Sidecar."""
    found = e.get(sidecar, key) if key else None
    said = found.outbound_traffic_policy if found else None
    if key is None or said is None or said.egress_proxy is None:
        return ()
    return (target(e, said.egress_proxy, namespace=key.namespace, port=0).host,)


def unknown_of(e: Engine, key: Key | None, sight: Sight) -> Unknown:
    """What the Sidecar in force (`key`) says, else the mesh. `sight`: what the workload sees."""
    found = e.get(sidecar, key) if key else None
    said = found.outbound_traffic_policy if found else None
    if said is None or key is None:
        return Unknown(mode=mesh(e).outbound_traffic_policy.mode)
    to = target(e, said.egress_proxy, namespace=key.namespace, port=0) if said.egress_proxy else None
    return Unknown(
        mode=OutboundMode(said.mode.value),
        proxy=to.cluster if to else "",
        proxy_exists=to is not None and exists(e, to, sight),
    )
