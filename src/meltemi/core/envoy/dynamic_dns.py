"""Write what sends calls to the host that they name: filters that resolve the name, and the clusters they are sent by.

Place:  view/{unknown,cluster,listener,route} → [envoy/dynamic_dns] → envoy/{filters,cluster,tcp,route}, pipeline
Source: Istio, MeshConfig.outboundTrafficPolicy, mode ALLOW_ANY_DYNAMIC_DNS; ServiceEntry, resolution DYNAMIC_DNS;
        Envoy, "HTTP dynamic forward proxy", "SNI dynamic forward proxy", "Well Known Filter State Objects"
"""

from meltemi.core.envoy import pb
from meltemi.core.envoy.connection_pool import HTTP_OPTIONS
from meltemi.core.envoy.header_case import keep_case

FILTER = "envoy.filters.http.dynamic_forward_proxy"
SNI_FILTER = "envoy.filters.network.sni_dynamic_forward_proxy"
CLUSTER_TYPE = "envoy.clusters.dynamic_forward_proxy"
CACHE = "unknown_hosts"
PORT = "envoy.upstream.dynamic_port"
"""The port that is called where the Host header says none."""


def _cache() -> pb.DnsCacheConfig:
    """Filters and clusters find each other by equal settings of one cache."""
    return pb.DnsCacheConfig(name=CACHE, dns_lookup_family=pb.Cluster.V4_PREFERRED)


def resolver() -> pb.DynamicForwardProxy:
    """The filter; requests that are routed to other clusters pass it."""
    return pb.DynamicForwardProxy(dns_cache_config=_cache())


def set_port(port: int) -> pb.SetFilterState:
    """What a route says to the filter."""
    written = pb.SetFilterState()
    value = written.on_request_headers.add(object_key=PORT)
    value.format_string.text_format_source.inline_string = str(port)
    return written


def resolved_name(host: str) -> pb.DynamicForwardRoute:
    """What a route says that calls its requests otherwise: the new name is resolved."""
    return pb.DynamicForwardRoute(host_rewrite_literal=host)


def sni_resolver(port: int) -> pb.Filter:
    """The filter for connections that name their host in TLS."""
    config = pb.SniDynamicForwardProxy(dns_cache_config=_cache(), port_value=port)
    return pb.Filter(name=SNI_FILTER, typed_config=pb.any_of(config))


def dynamic_cluster(name: str, *, keeps_case: bool) -> pb.Cluster:
    """The cluster for hosts of which no service is known. `keeps_case`: the letters of headers."""
    cluster = pb.Cluster(name=name, lb_policy=pb.Cluster.CLUSTER_PROVIDED)
    if keeps_case:
        options = pb.UpstreamHttpOptions()
        keep_case(options.explicit_http_config.http_protocol_options)
        cluster.typed_extension_protocol_options[HTTP_OPTIONS].CopyFrom(pb.any_of(options))
    write_dynamic(cluster, by_name=True)
    return cluster


def write_dynamic(cluster: pb.Cluster, *, by_name: bool) -> None:
    """Make a cluster's endpoints what a filter resolved.

    `by_name`: its TLS, if it has any, asks for the name that was called and checks it; Envoy wants it said if not.
    """
    config = pb.DynamicForwardCluster(dns_cache_config=_cache(), allow_insecure_cluster_options=not by_name)
    cluster.cluster_type.name = CLUSTER_TYPE
    cluster.cluster_type.typed_config.CopyFrom(pb.any_of(config))
