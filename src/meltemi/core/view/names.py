"""Names of clusters: stable, unique, and read by Istio's tools.

Place:  [view/names] → view, pipeline
Source: Istio, `istioctl proxy-config clusters`: direction, port, subset and host between bars
"""

PASSTHROUGH_CLUSTER = "PassthroughCluster"
"""To where the client wanted to go."""
BLACK_HOLE_CLUSTER = "BlackHoleCluster"
"""Nowhere: it has no endpoints."""
INBOUND_PASSTHROUGH_CLUSTER = "InboundPassthroughCluster"
"""To the workload itself, on the port that the caller wanted."""


def cluster_name(direction: str, port: int, subset: str = "", host: str = "") -> str:
    """`outbound|9080|v1|reviews.default.svc.cluster.local`; a workload's own port is `inbound|8080||`."""
    return f"{direction}|{port}|{subset}|{host}"


def server_name(port: int, subset: str, host: str) -> str:
    """What a client of the mesh asks for by TLS: `outbound_.9080_.v1_.reviews.default.svc.cluster.local`."""
    return f"outbound_.{port}_.{subset}_.{host}"
