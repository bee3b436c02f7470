"""What the metrics of a cluster are called, where the mesh wants another name than the cluster's.

Place:  model/mesh → [view/stat_name] → view/{cluster,inbound_ports}
Source: Istio, MeshConfig.outboundClusterStatName, MeshConfig.inboundClusterStatName
"""

from meltemi.core.model.registry.service import Service, ServicePort


def stat_name(pattern: str, service: Service, port: ServicePort, *, subset: str = "", target: int = 0) -> str:
    """The pattern with its words replaced; empty is the cluster's own name."""
    words = {
        "%SERVICE%": f"{service.name}.{service.namespace}",
        "%SERVICE_FQDN%": service.host,
        "%SERVICE_PORT%": str(port.number),
        "%SERVICE_PORT_NAME%": port.name,
        "%SUBSET_NAME%": subset,
        "%TARGET_PORT%": str(target or ""),
    }
    for word, value in words.items():
        pattern = pattern.replace(word, value)
    return pattern
