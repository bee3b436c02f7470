"""DestinationRule: subsets of a host, and how its endpoints are connected to.

Place:  model/traffic → check/destination_rule → compose → view/cluster
API:    networking.istio.io v1, v1beta1, v1alpha3, message DestinationRule
"""

from enum import StrEnum
from typing import ClassVar

from meltemi.core.model.security.peer_authentication import WorkloadSelector
from meltemi.core.model.traffic.common import PortSelector
from meltemi.core.model.units import Percent, Seconds
from meltemi.core.model.value import Value

BY_LATENCY = "meltemi.io/weights-by-latency"
"""Annotation, `true` or `false`: endpoints that answer sooner get more requests. Not Istio's."""


class SimpleLB(StrEnum):
    """Load balancing without state of its own."""

    UNSPECIFIED = "UNSPECIFIED"
    RANDOM = "RANDOM"
    PASSTHROUGH = "PASSTHROUGH"
    """To the address that the caller asked for."""
    ROUND_ROBIN = "ROUND_ROBIN"
    LEAST_REQUEST = "LEAST_REQUEST"
    LEAST_CONN = "LEAST_CONN"
    """Deprecated name of LEAST_REQUEST."""


class HTTPCookieAttribute(Value, frozen=True, kw_only=True):
    """An attribute of a generated cookie (`SameSite`, …)."""

    name: str = ""
    value: str = ""


class HTTPCookie(Value, frozen=True, kw_only=True):
    """The cookie that is hashed; made where it is missing and `ttl` is set."""

    name: str = ""
    path: str = ""
    ttl: Seconds | None = None
    """0 makes a session cookie."""
    attributes: tuple[HTTPCookieAttribute, ...] = ()


class RingHash(Value, frozen=True, kw_only=True):
    """Ketama ring."""

    minimum_ring_size: int | None = None
    """None is 1024."""


class MagLev(Value, frozen=True, kw_only=True):
    """Maglev table."""

    table_size: int | None = None
    """A prime number; None is 65537."""


class ConsistentHashLB(Value, frozen=True, kw_only=True):
    """What is hashed (one of the first four) and how (one of `ring_hash` and `maglev`)."""

    ONEOFS: ClassVar = (
        ("http_header_name", "http_cookie", "use_source_ip", "http_query_parameter_name"),
        ("ring_hash", "maglev"),
    )

    http_header_name: str | None = None
    http_cookie: HTTPCookie | None = None
    use_source_ip: bool | None = None
    http_query_parameter_name: str | None = None
    ring_hash: RingHash | None = None
    maglev: MagLev | None = None
    minimum_ring_size: int | None = None
    """Deprecated form of `ring_hash.minimum_ring_size`."""


class LocalityDistribute(Value, frozen=True, kw_only=True):
    """Shares by locality, for callers in `from_`."""

    from_: str = ""
    """`region/zone/subzone`, `*` at the end allowed."""
    to: tuple[tuple[str, int], ...] = ()
    """Locality → weight; the weights sum up to 100."""


class LocalityFailover(Value, frozen=True, kw_only=True):
    """The region that takes over for another."""

    from_: str = ""
    to: str = ""


class LocalityLoadBalancerSetting(Value, frozen=True, kw_only=True):
    """Preference among localities; at most one of the three lists' kinds is used."""

    distribute: tuple[LocalityDistribute, ...] = ()
    failover: tuple[LocalityFailover, ...] = ()
    failover_priority: tuple[str, ...] = ()
    """Label names, or `name=value`, most important first."""
    enabled: bool | None = None
    """None is the mesh's setting, which is on."""


class ZoneAwareLoadBalancerSetting(Value, frozen=True, kw_only=True):
    """The own region before others, and in it the own zone as far as it can bear."""

    enabled: bool | None = None
    """None is on, where the setting is written."""
    failover: tuple[LocalityFailover, ...] = ()
    failover_priority: tuple[str, ...] = ()
    """As in LocalityLoadBalancerSetting; regions are told apart among endpoints that are alike in this."""
    min_cluster_size: int | None = None
    """Endpoints in the region below which zones are not told apart; None is 6."""


class WarmupConfiguration(Value, frozen=True, kw_only=True):
    """New endpoints get traffic slowly."""

    duration: Seconds | None = None
    """Required."""
    minimum_percent: Percent | None = None
    """Share at the start; None is 10."""
    aggression: float | None = None
    """Speed of the growth, at least 1; None is 1 (linear)."""


class LoadBalancerSettings(Value, frozen=True, kw_only=True):
    """How an endpoint is picked: one of `simple` and `consistent_hash`."""

    ONEOFS: ClassVar = (("simple", "consistent_hash"),)

    simple: SimpleLB | None = None
    consistent_hash: ConsistentHashLB | None = None
    locality_lb_setting: LocalityLoadBalancerSetting | None = None
    zone_aware_lb_setting: ZoneAwareLoadBalancerSetting | None = None
    """Instead of `locality_lb_setting`."""
    warmup_duration_secs: Seconds | None = None
    """Deprecated form of `warmup.duration`."""
    warmup: WarmupConfiguration | None = None


class TcpKeepalive(Value, frozen=True, kw_only=True):
    """SO_KEEPALIVE and its settings; None is the system's default."""

    probes: int | None = None
    time: Seconds | None = None
    interval: Seconds | None = None


class TCPSettings(Value, frozen=True, kw_only=True):
    """Connections, of HTTP too."""

    max_connections: int | None = None
    """None and 0 are no limit (2^32-1)."""
    connect_timeout: Seconds | None = None
    """None is the mesh's `connectTimeout`."""
    tcp_keepalive: TcpKeepalive | None = None
    max_connection_duration: Seconds | None = None
    idle_timeout: Seconds | None = None
    """For TCP; None is 1 h, 0 is no limit."""


class H2UpgradePolicy(StrEnum):
    """Whether HTTP/1.1 is upgraded to HTTP/2 towards the destination."""

    DEFAULT = "DEFAULT"
    DO_NOT_UPGRADE = "DO_NOT_UPGRADE"
    UPGRADE = "UPGRADE"


class HTTP2KeepAlive(Value, frozen=True, kw_only=True):
    """HTTP/2 pings on connections to the destination."""

    interval: Seconds | None = None
    timeout: Seconds | None = None
    """How long an answer may take; required."""


class HTTPSettings(Value, frozen=True, kw_only=True):
    """Requests; None and 0 are Istio's defaults."""

    http1_max_pending_requests: int | None = None
    """No limit (2^32-1) where not set."""
    http2_max_requests: int | None = None
    """No limit (2^32-1) where not set."""
    max_requests_per_connection: int | None = None
    max_retries: int | None = None
    """Retries in flight over all endpoints; 2^32-1 where not set."""
    idle_timeout: Seconds | None = None
    """None is 1 h."""
    h2_upgrade_policy: H2UpgradePolicy = H2UpgradePolicy.DEFAULT
    use_client_protocol: bool = False
    max_concurrent_streams: int | None = None
    http2_keep_alive: HTTP2KeepAlive | None = None


class ConnectionPoolSettings(Value, frozen=True, kw_only=True):
    """Limits towards a host."""

    tcp: TCPSettings | None = None
    http: HTTPSettings | None = None


class OutlierDetection(Value, frozen=True, kw_only=True):
    """When an endpoint is left out for a while."""

    consecutive_errors: int | None = None
    """Deprecated; gateway errors."""
    split_external_local_origin_errors: bool = False
    consecutive_local_origin_failures: int | None = None
    consecutive_gateway_errors: int | None = None
    """0 turns it off; None is off."""
    consecutive_5xx_errors: int | None = None
    """0 turns it off; None is 5."""
    interval: Seconds | None = None
    """None is 10 s."""
    base_ejection_time: Seconds | None = None
    """None is 30 s."""
    max_ejection_percent: int | None = None
    """None and 0 are 10."""
    min_health_percent: int | None = None
    """None is 0: ejection at any share of healthy endpoints."""
    http: "OutlierDetection | None" = None
    """Istio 0.8 form: the settings stood one level deeper."""


class ClientTLSMode(StrEnum):
    """How connections to the destination are secured."""

    DISABLE = "DISABLE"
    SIMPLE = "SIMPLE"
    MUTUAL = "MUTUAL"
    ISTIO_MUTUAL = "ISTIO_MUTUAL"


class ClientTLSSettings(Value, frozen=True, kw_only=True):
    """TLS towards the destination."""

    mode: ClientTLSMode = ClientTLSMode.DISABLE
    client_certificate: str = ""
    """File in the proxy's view."""
    private_key: str = ""
    ca_certificates: str = ""
    credential_name: str = ""
    """Secret, or `configmap://…` for CA certificates; gateways, and sidecars by workload selector."""
    subject_alt_names: tuple[str, ...] = ()
    sni: str = ""
    insecure_skip_verify: bool | None = None
    ca_crl: str = ""


class TunnelSettings(Value, frozen=True, kw_only=True):
    """Message TrafficPolicy.TunnelSettings: connections go through a forward proxy."""

    protocol: str = ""
    """`CONNECT` (empty too) or `POST`."""
    target_host: str = ""
    target_port: int | None = None


class ProxyProtocolVersion(StrEnum):
    """Version of the PROXY header."""

    V1 = "V1"
    V2 = "V2"


class ProxyProtocol(Value, frozen=True, kw_only=True):
    """Message TrafficPolicy.ProxyProtocol: a PROXY header before the first byte."""

    version: ProxyProtocolVersion = ProxyProtocolVersion.V1


class RetryBudget(Value, frozen=True, kw_only=True):
    """Message TrafficPolicy.RetryBudget: retries as a share of requests in flight."""

    percent: Percent | None = None
    """None is 20."""
    min_retry_concurrency: int | None = None
    """None is 3."""


class PortTrafficPolicy(Value, frozen=True, kw_only=True):
    """Message TrafficPolicy.PortTrafficPolicy: settings of one port, none of which is inherited from the host's."""

    port: PortSelector | None = None
    load_balancer: LoadBalancerSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTLSSettings | None = None


class TrafficPolicy(Value, frozen=True, kw_only=True):
    """How a host, a subset or all ports but some are connected to."""

    load_balancer: LoadBalancerSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTLSSettings | None = None
    port_level_settings: tuple[PortTrafficPolicy, ...] = ()
    tunnel: TunnelSettings | None = None
    proxy_protocol: ProxyProtocol | None = None
    retry_budget: RetryBudget | None = None


class Subset(Value, frozen=True, kw_only=True):
    """Endpoints of a host, by labels."""

    name: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    """Empty: all endpoints."""
    traffic_policy: TrafficPolicy | None = None


class DestinationRule(Value, frozen=True, kw_only=True):
    """Policy for traffic to a host, after routing."""

    host: str = ""
    traffic_policy: TrafficPolicy | None = None
    subsets: tuple[Subset, ...] = ()
    export_to: tuple[str, ...] = ()
    """Namespaces that see it: names, `.` or `*`; empty is the mesh's default."""
    workload_selector: WorkloadSelector | None = None
    """Clients that it applies to, in its own namespace."""
