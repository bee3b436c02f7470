"""Write a settled cluster.

Place:  view/cluster → [envoy/cluster] → pipeline/clusters
"""

from meltemi.core.envoy import pb
from meltemi.core.envoy.connection_pool import write_pool
from meltemi.core.envoy.dynamic_dns import write_dynamic
from meltemi.core.envoy.endpoints import ISTIO, TLS_MODE, load_assignment
from meltemi.core.envoy.latency import measuring
from meltemi.core.envoy.load_balancer import write_balancer
from meltemi.core.envoy.outlier import outlier_detection
from meltemi.core.envoy.plain import through, write_watch
from meltemi.core.envoy.proxy_protocol import plain, write_announcement
from meltemi.core.envoy.upstream_tls import upstream_tls_socket
from meltemi.core.view.cluster import Cluster, Discovery
from meltemi.core.view.upstream_tls import ClientTLS

BY_NAME = (Discovery.STRICT_DNS, Discovery.LOGICAL_DNS)


def cluster_message(cluster: Cluster) -> pb.Cluster:
    """Translate field by field."""
    asks_name = cluster.tls is not None and not cluster.tls.sni
    checks_name = cluster.tls is not None and cluster.tls.checks and not cluster.tls.names
    written = pb.Cluster(name=cluster.name, alt_stat_name=cluster.stat_name)
    if cluster.discovery is Discovery.DYNAMIC:
        write_dynamic(written, by_name=asks_name and checks_name)
    else:
        written.type = pb.Cluster.DiscoveryType.Value(cluster.discovery)
    if cluster.discovery is Discovery.EDS:
        written.eds_cluster_config.eds_config.CopyFrom(pb.ads())
        written.eds_cluster_config.service_name = cluster.name
    elif cluster.discovery in BY_NAME:
        _write_dns(cluster, written)
    elif cluster.discovery is Discovery.STATIC:
        written.load_assignment.CopyFrom(load_assignment(cluster.name, cluster.groups))
    write_balancer(cluster.balancer, written)
    filters = measuring() if cluster.balancer.by_latency else ()
    write_pool(cluster.pool, written, find_server_name=asks_name, check_server_name=checks_name, filters=filters)
    if cluster.outlier is not None:
        written.outlier_detection.CopyFrom(outlier_detection(cluster.outlier))
    if cluster.mutual is not None:
        _write_mutual(cluster.mutual, written)
    if cluster.tls is not None:
        written.transport_socket.CopyFrom(upstream_tls_socket(cluster.tls))
    if cluster.announces is not None:
        write_announcement(cluster.announces, written)
    _write_way(cluster, written)
    _write_metadata(cluster, written)
    return written


def _write_way(cluster: Cluster, written: pb.Cluster) -> None:
    """How connections get to endpoints, and what cuts them off."""
    if cluster.port:
        written.original_dst_lb_config.upstream_port_override.value = cluster.port
    if cluster.source:
        # Port 0 must be written: Envoy refuses an address without any.
        source = pb.SocketAddress(address=cluster.source, port_value=0)
        written.upstream_bind_config.source_address.CopyFrom(source)
    if cluster.through:
        written.transport_socket.CopyFrom(through(cluster.through))
    if cluster.watched is not None:
        write_watch(cluster.watched, written)


def _write_mutual(tls: ClientTLS, written: pb.Cluster) -> None:
    """What an endpoint accepts is in its metadata (envoy/endpoints)."""
    matches = written.transport_socket_matches
    matches.add(name="tlsMode-istio", match=pb.struct(TLS_MODE), transport_socket=upstream_tls_socket(tls))
    matches.add(name="tlsMode-disabled", match=pb.struct({}), transport_socket=plain())


def _write_dns(cluster: Cluster, written: pb.Cluster) -> None:
    written.load_assignment.CopyFrom(load_assignment(cluster.name, cluster.groups))
    written.dns_lookup_family = pb.Cluster.V4_PREFERRED
    # Deprecated for a cluster extension, which would hide from tools that the type is STRICT_DNS.
    written.dns_refresh_rate.CopyFrom(pb.duration(cluster.dns_refresh))  # pyright: ignore[reportDeprecated]
    written.respect_dns_ttl = True  # pyright: ignore[reportDeprecated]


def _write_metadata(cluster: Cluster, written: pb.Cluster) -> None:
    """What telemetry says of the destination: `%CLUSTER_METADATA(istio:…)%`."""
    if not cluster.host:
        return
    namespace, _, name = cluster.service.partition("/")
    known = {"services": [{"host": cluster.host, "name": name, "namespace": namespace}]}
    written.metadata.filter_metadata[ISTIO].CopyFrom(
        pb.struct({**known, **({"subset": cluster.subset} if cluster.subset else {})})
    )
