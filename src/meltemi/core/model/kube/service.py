"""Service: a name and a virtual address for pods.

Place:  model/kube → compose/registry
API:    v1
"""

from meltemi.core.model.value import Value


class ServicePort(Value, frozen=True, kw_only=True):
    """One port of a Service."""

    name: str = ""
    port: int = 0
    target_port: int | str | None = None
    """Number or container port name; None is `port`."""
    protocol: str = "TCP"
    """`TCP`, `UDP` or `SCTP`."""
    app_protocol: str = ""
    node_port: int | None = None


class ServiceSpec(
    Value,
    frozen=True,
    kw_only=True,
    rename={"cluster_ip": "clusterIP", "cluster_ips": "clusterIPs", "external_ips": "externalIPs"},
):
    """What a Service is."""

    type: str = "ClusterIP"
    """`ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`."""
    cluster_ip: str = ""
    """`None` for a headless Service; empty until one is given."""
    cluster_ips: tuple[str, ...] = ()
    external_name: str = ""
    external_ips: tuple[str, ...] = ()
    ports: tuple[ServicePort, ...] = ()
    selector: tuple[tuple[str, str], ...] = ()
    publish_not_ready_addresses: bool = False
    session_affinity: str = ""
    ip_families: tuple[str, ...] = ()


class Service(Value, frozen=True, kw_only=True):
    """A Kubernetes Service. (`model.registry.service.Service` is what the mesh makes of it.)"""

    spec: ServiceSpec = ServiceSpec()
