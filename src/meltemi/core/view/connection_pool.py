"""Limits of connections and requests towards a host.

Place:  model/traffic ConnectionPoolSettings → [view/connection_pool] → envoy/connection_pool
Source: Istio, "Destination Rule", messages TCPSettings and HTTPSettings: what is not written has no limit
"""

from enum import StrEnum

from meltemi.core.model.mesh import MeshConfig, MeshH2UpgradePolicy
from meltemi.core.model.registry.service import AppProtocol
from meltemi.core.model.traffic.destination_rule import (
    ConnectionPoolSettings,
    H2UpgradePolicy,
    HTTP2KeepAlive,
    HTTPSettings,
    RetryBudget,
    TcpKeepalive,
    TCPSettings,
)
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value

UNLIMITED = 2**32 - 1


class Http(StrEnum):
    """Which HTTP is spoken to the endpoints."""

    HTTP1 = "http1"
    HTTP2 = "http2"
    CLIENT = "client"
    """As the client speaks."""


class Pool(Value, frozen=True, kw_only=True):
    """Limits, settled. None is no limit, or Envoy's default."""

    connect_timeout: Seconds
    keepalive: TcpKeepalive | None = None
    connections: int = UNLIMITED
    pending: int = UNLIMITED
    requests: int = UNLIMITED
    retries: int = UNLIMITED
    budget: RetryBudget | None = None
    """Of retries, in place of `retries`."""
    requests_per_connection: int | None = None
    streams: int | None = None
    """At a time on one HTTP/2 connection."""
    idle: Seconds | None = None
    """Of a connection without requests; Envoy's default is 1 h."""
    age: Seconds | None = None
    """The longest life of a connection."""
    ping: HTTP2KeepAlive | None = None
    http: Http = Http.HTTP1
    keeps_case: bool = False
    """Names of headers keep their letters over HTTP/1."""


def effective_pool(
    written: ConnectionPoolSettings | None, settings: MeshConfig, protocol: AppProtocol, *, gateway: bool = False
) -> Pool:
    """Settle for a port. `settings` are the mesh's."""
    tcp = (written.tcp if written else None) or TCPSettings()
    http = (written.http if written else None) or HTTPSettings()
    return Pool(
        connect_timeout=tcp.connect_timeout or settings.connect_timeout,
        keepalive=tcp.tcp_keepalive or settings.tcp_keepalive,
        connections=tcp.max_connections or UNLIMITED,
        pending=http.http1_max_pending_requests or UNLIMITED,
        requests=http.http2_max_requests or UNLIMITED,
        retries=http.max_retries or UNLIMITED,
        requests_per_connection=http.max_requests_per_connection or None,
        streams=http.max_concurrent_streams or None,
        idle=http.idle_timeout,
        age=tcp.max_connection_duration,
        ping=http.http2_keep_alive,
        http=spoken(http, protocol, settings, gateway=gateway),
    )


def upgrades(written: H2UpgradePolicy, settings: MeshConfig) -> bool:
    """Whether HTTP/1.1 goes on as HTTP/2; who says nothing does as the mesh."""
    if written is H2UpgradePolicy.DEFAULT:
        return settings.h2_upgrade_policy is MeshH2UpgradePolicy.UPGRADE
    return written is H2UpgradePolicy.UPGRADE


def spoken(http: HTTPSettings, protocol: AppProtocol, settings: MeshConfig, *, gateway: bool) -> Http:
    """Which HTTP is spoken to the endpoints of a port."""
    if protocol.is_http2 or protocol is AppProtocol.GRPC_WEB:
        return Http.HTTP2
    if http.use_client_protocol:
        return Http.CLIENT
    if upgrades(http.h2_upgrade_policy, settings) and protocol is AppProtocol.HTTP:
        return Http.HTTP2
    # A gateway's clients speak HTTP/2 whatever the application can; beside a sidecar both ends are of one kind.
    return Http.CLIENT if protocol is AppProtocol.AUTO and not gateway else Http.HTTP1
