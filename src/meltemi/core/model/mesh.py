"""MeshConfig: settings of the whole mesh.

Place:  model · parsed by parse/mesh from `--mesh-config` or the ConfigMap `istio` → engine input `("mesh",)`
API:    istio.mesh.v1alpha1.MeshConfig; fields that have no effect yet are known by name (MeshConfig.rest)
"""

from enum import StrEnum

import msgspec

from meltemi.core.model.mesh_providers import ExtensionProvider
from meltemi.core.model.mesh_proxy import DefaultConfig
from meltemi.core.model.traffic.destination_rule import LocalityLoadBalancerSetting, TcpKeepalive, TrafficPolicy
from meltemi.core.model.traffic.virtual_service import HTTPRetry
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value


class OutboundMode(StrEnum):
    """What becomes of calls to hosts that the mesh does not know."""

    REGISTRY_ONLY = "REGISTRY_ONLY"
    ALLOW_ANY = "ALLOW_ANY"
    ALLOW_ANY_DYNAMIC_DNS = "ALLOW_ANY_DYNAMIC_DNS"
    """HTTP goes to the host that the request names, whatever address the client found for it."""


class OutboundTrafficPolicy(Value, frozen=True, kw_only=True):
    """Calls to hosts that the mesh does not know."""

    mode: OutboundMode = OutboundMode.ALLOW_ANY


class InboundMode(StrEnum):
    """Where calls to the own workload are sent."""

    PASSTHROUGH = "PASSTHROUGH"
    """To the address that the caller asked for."""
    LOCALHOST = "LOCALHOST"
    """To 127.0.0.1, for applications that listen there only (Istio before 1.10)."""


class InboundTrafficPolicy(Value, frozen=True, kw_only=True):
    """Calls to the own workload."""

    mode: InboundMode = InboundMode.PASSTHROUGH


class TLSProtocol(StrEnum):
    """Message MeshConfig.TLSConfig.TLSProtocol."""

    TLS_AUTO = "TLS_AUTO"
    TLSV1_2 = "TLSV1_2"
    TLSV1_3 = "TLSV1_3"


class MeshTLS(Value, frozen=True, kw_only=True):
    """Message MeshConfig.TLSConfig."""

    min_protocol_version: TLSProtocol = TLSProtocol.TLS_AUTO
    """TLS_AUTO is 1.3 between workloads: both ends are the mesh's own. (Istio: 1.2) Elsewhere it is 1.2."""
    cipher_suites: tuple[str, ...] = ()
    """Of TLS 1.2; those of 1.3 cannot be chosen."""
    ecdh_curves: tuple[str, ...] = ()


ANY_TLS = MeshTLS()
"""Nothing is written."""


class AccessLogEncoding(StrEnum):
    """Message MeshConfig.AccessLogEncoding."""

    TEXT = "TEXT"
    JSON = "JSON"


class NormalizationType(StrEnum):
    """Message MeshConfig.ProxyPathNormalization.NormalizationType: what is done to paths before anything reads them."""

    DEFAULT = "DEFAULT"
    """BASE."""
    NONE = "NONE"
    BASE = "BASE"
    """RFC 3986: `.` and `..`, case of escapes, backslashes."""
    MERGE_SLASHES = "MERGE_SLASHES"
    """BASE, and `//` becomes `/`."""
    DECODE_AND_MERGE_SLASHES = "DECODE_AND_MERGE_SLASHES"
    """MERGE_SLASHES, after `%2F` and `%5C` were decoded."""


class ProxyPathNormalization(Value, frozen=True, kw_only=True):
    """Message MeshConfig.ProxyPathNormalization."""

    normalization: NormalizationType = NormalizationType.DEFAULT


class MeshH2UpgradePolicy(StrEnum):
    """Message MeshConfig.H2UpgradePolicy."""

    DO_NOT_UPGRADE = "DO_NOT_UPGRADE"
    UPGRADE = "UPGRADE"


class SelectorOperator(StrEnum):
    """Kubernetes, LabelSelectorOperator."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class LabelSelectorRequirement(Value, frozen=True, kw_only=True):
    """One condition on a label."""

    key: str = ""
    operator: SelectorOperator = SelectorOperator.IN
    values: tuple[str, ...] = ()


class LabelSelector(Value, frozen=True, kw_only=True):
    """Kubernetes, LabelSelector: all conditions hold."""

    match_labels: tuple[tuple[str, str], ...] = ()
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()


class MeshConfig(Value, frozen=True, kw_only=True):
    """Settings of the whole mesh, with Istio's defaults (`istio.io/docs/reference/config/istio.mesh.v1alpha1`)."""

    proxy_listen_port: int = 15001
    """Where the proxy takes outbound traffic."""
    proxy_inbound_listen_port: int = 15006
    outbound_traffic_policy: OutboundTrafficPolicy = OutboundTrafficPolicy()
    inbound_traffic_policy: InboundTrafficPolicy = InboundTrafficPolicy()
    protocol_detection_timeout: Seconds = Seconds(0)
    """How long an undeclared port waits for a first byte before it counts as TCP; 0 is without end."""
    connect_timeout: Seconds = Seconds(10)
    tcp_keepalive: TcpKeepalive | None = None
    dns_refresh_rate: Seconds = Seconds(60)
    root_namespace: str = "istio-system"
    """Where configuration for all namespaces stands."""
    trust_domain: str = "cluster.local"
    trust_domain_aliases: tuple[str, ...] = ()
    """Former names: identities of these are as good as those of the trust domain itself."""
    enable_auto_mtls: bool = True
    """Callers use mutual TLS where both sides have a sidecar and no DestinationRule says otherwise."""
    mesh_mtls: MeshTLS = msgspec.field(default=MeshTLS(), name="meshMTLS")
    """TLS between workloads."""
    tls_defaults: MeshTLS = MeshTLS()
    """All other TLS, where a Gateway or a DestinationRule says nothing."""
    access_log_file: str = ""
    """`/dev/stdout`, or empty for none."""
    access_log_format: str = ""
    """Envoy's command operators: one text, or with encoding JSON an object of texts."""
    access_log_encoding: AccessLogEncoding = AccessLogEncoding.TEXT
    default_service_export_to: tuple[str, ...] = ("*",)
    default_virtual_service_export_to: tuple[str, ...] = ("*",)
    default_destination_rule_export_to: tuple[str, ...] = ("*",)
    locality_lb_setting: LocalityLoadBalancerSetting = LocalityLoadBalancerSetting(enabled=True)
    default_traffic_policy: TrafficPolicy | None = None
    """Under all DestinationRules."""
    default_http_retry_policy: HTTPRetry | None = None
    """Of routes that say nothing of retries."""
    default_inbound_http_retry_policy: HTTPRetry | None = None
    """Of requests that a sidecar hands to its own workload."""
    h2_upgrade_policy: MeshH2UpgradePolicy = MeshH2UpgradePolicy.DO_NOT_UPGRADE
    path_normalization: ProxyPathNormalization = ProxyPathNormalization()
    discovery_selectors: tuple[LabelSelector, ...] = ()
    """Namespaces that the mesh looks at, besides the root namespace; none is all."""
    inbound_cluster_stat_name: str = ""
    """What metrics of clusters to the own workload are called; `%SERVICE%` and the like stand for it."""
    outbound_cluster_stat_name: str = ""
    """What metrics of clusters to services are called."""
    extension_providers: tuple[ExtensionProvider, ...] = ()
    """Services that policies ask, by name."""
    enable_prometheus_merge: bool = True
    """The agent serves the application's metrics with the proxy's."""
    default_config: DefaultConfig = DefaultConfig()
    ingress_service: str = "istio-ingressgateway"
    ingress_selector: str = "ingressgateway"
    enable_tracing: bool = False
    rest: tuple[tuple[str, bytes], ...] = ()
    """Other documented fields, by camelCase name, as JSON; none has an effect yet."""
