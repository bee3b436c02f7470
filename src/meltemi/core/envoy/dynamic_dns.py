"""Write what sends a request to the host that it names: a filter that resolves the name, and the cluster it is sent by.

Place:  view/unknown → [envoy/dynamic_dns] → envoy/filters, pipeline/outbound
Source: Istio, MeshConfig.outboundTrafficPolicy, mode ALLOW_ANY_DYNAMIC_DNS; Envoy, "HTTP dynamic forward proxy"
"""

from meltemi.core.envoy import pb

FILTER = "envoy.filters.http.dynamic_forward_proxy"
CLUSTER_TYPE = "envoy.clusters.dynamic_forward_proxy"
CACHE = "unknown_hosts"


def _cache() -> pb.DnsCacheConfig:
    """Filter and cluster find each other by equal settings of one cache."""
    return pb.DnsCacheConfig(name=CACHE, dns_lookup_family=pb.Cluster.V4_PREFERRED)


def resolver() -> pb.DynamicForwardProxy:
    """The filter; requests that are routed to other clusters pass it."""
    return pb.DynamicForwardProxy(dns_cache_config=_cache())


def dynamic_cluster(name: str) -> pb.Cluster:
    """The cluster; its endpoints are what the filter resolved."""
    cluster = pb.Cluster(name=name, lb_policy=pb.Cluster.CLUSTER_PROVIDED)
    cluster.cluster_type.name = CLUSTER_TYPE
    cluster.cluster_type.typed_config.CopyFrom(pb.any_of(pb.DynamicForwardCluster(dns_cache_config=_cache())))
    return cluster
