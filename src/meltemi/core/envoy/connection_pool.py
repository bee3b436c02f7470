"""Write limits of connections and requests.

Place:  view/connection_pool → [envoy/connection_pool] → envoy/cluster
"""

from collections.abc import Sequence

from meltemi.core.envoy import pb
from meltemi.core.envoy.header_case import keep_case
from meltemi.core.model.traffic.destination_rule import RetryBudget
from meltemi.core.view.connection_pool import Http, Pool

HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
PING_INTERVAL = 30
"""Seconds between pings where only the patience for their answers is written."""


def write_pool(
    pool: Pool,
    cluster: pb.Cluster,
    *,
    find_server_name: bool = False,
    check_server_name: bool = False,
    filters: Sequence[pb.HttpFilter] = (),
) -> None:
    """Add limits and the choice of HTTP to a cluster. `filters`: of its requests, behind the choice of an endpoint."""
    cluster.connect_timeout.CopyFrom(pb.duration(pool.connect_timeout))
    cluster.circuit_breakers.CopyFrom(circuit_breakers(pool))
    _write_keepalive(pool, cluster)
    options = http_options(pool)
    if find_server_name:
        # The name that is asked for is the name that the certificate must show.
        options.upstream_http_protocol_options.auto_sni = True
        options.upstream_http_protocol_options.auto_san_validation = check_server_name
    options.http_filters.extend(filters)
    if pool.keeps_case:
        _keep_case(options)
    if options != pb.UpstreamHttpOptions(explicit_http_config=_http1()):
        cluster.typed_extension_protocol_options[HTTP_OPTIONS].CopyFrom(pb.any_of(options))


def circuit_breakers(pool: Pool) -> pb.CircuitBreakers:
    """What is not limited must say so: Envoy's defaults are 1024 connections and 3 retries."""
    limits = pb.CircuitBreakers.Thresholds(
        max_connections=pb.UInt32Value(value=pool.connections),
        max_pending_requests=pb.UInt32Value(value=pool.pending),
        max_requests=pb.UInt32Value(value=pool.requests),
        max_retries=pb.UInt32Value(value=pool.retries),
        track_remaining=True,
    )
    if pool.budget is not None:
        _write_budget(pool.budget, limits.retry_budget)
    return pb.CircuitBreakers(thresholds=[limits])


def _write_budget(budget: RetryBudget, written: "pb.CircuitBreakers.Thresholds.RetryBudget") -> None:
    """Envoy's defaults are Istio's: 20 %, and 3 at a time at least."""
    written.SetInParent()
    if budget.percent is not None:
        written.budget_percent.value = budget.percent
    if budget.min_retry_concurrency is not None:
        written.min_retry_concurrency.value = budget.min_retry_concurrency


def http_options(pool: Pool) -> pb.UpstreamHttpOptions:
    """Which HTTP is spoken, and limits of HTTP connections."""
    options = pb.UpstreamHttpOptions()
    common = options.common_http_protocol_options
    if pool.idle is not None:
        common.idle_timeout.CopyFrom(pb.duration(pool.idle))
    if pool.requests_per_connection is not None:
        common.max_requests_per_connection.value = pool.requests_per_connection
    if pool.age is not None:
        common.max_connection_duration.CopyFrom(pb.duration(pool.age))
    if not common.ByteSize():
        options.ClearField("common_http_protocol_options")
    _write_http(pool, options)
    return options


def _write_http(pool: Pool, options: pb.UpstreamHttpOptions) -> None:
    if pool.http is Http.CLIENT:
        options.use_downstream_protocol_config.http_protocol_options.SetInParent()
        _write_http2(pool, options.use_downstream_protocol_config.http2_protocol_options)
    elif pool.http is Http.HTTP2:
        _write_http2(pool, options.explicit_http_config.http2_protocol_options)
    else:
        options.explicit_http_config.CopyFrom(_http1())


def _keep_case(options: pb.UpstreamHttpOptions) -> None:
    if options.HasField("use_downstream_protocol_config"):
        keep_case(options.use_downstream_protocol_config.http_protocol_options)
    elif options.explicit_http_config.HasField("http_protocol_options"):
        keep_case(options.explicit_http_config.http_protocol_options)


def _http1() -> "pb.UpstreamHttpOptions.ExplicitHttpConfig":
    return pb.UpstreamHttpOptions.ExplicitHttpConfig(http_protocol_options=pb.Http1ProtocolOptions())


def _write_http2(pool: Pool, http2: pb.Http2ProtocolOptions) -> None:
    http2.SetInParent()
    if pool.streams is not None:
        http2.max_concurrent_streams.value = pool.streams
    if pool.ping is not None:
        http2.connection_keepalive.interval.CopyFrom(pb.duration(pool.ping.interval or PING_INTERVAL))
        http2.connection_keepalive.timeout.CopyFrom(pb.duration(pool.ping.timeout or PING_INTERVAL))


def _write_keepalive(pool: Pool, cluster: pb.Cluster) -> None:
    if pool.keepalive is None:
        return
    written = cluster.upstream_connection_options.tcp_keepalive
    written.SetInParent()
    if pool.keepalive.probes:
        written.keepalive_probes.value = pool.keepalive.probes
    if pool.keepalive.time:
        written.keepalive_time.value = round(pool.keepalive.time)
    if pool.keepalive.interval:
        written.keepalive_interval.value = round(pool.keepalive.interval)
