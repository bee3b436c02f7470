"""MeshConfig: settings of the whole mesh.

Place:  model · parsed by parse/mesh from `--mesh-config` or the ConfigMap `istio` → engine input `("mesh",)`
API:    istio.mesh.v1alpha1.MeshConfig; fields that have no effect yet are known by name (MeshConfig.rest)
"""

from enum import StrEnum

import msgspec

from meltemi.core.model.traffic.destination_rule import LocalityLoadBalancerSetting, TcpKeepalive
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
    """Message MeshConfig.TLSConfig, for TLS between workloads."""

    min_protocol_version: TLSProtocol = TLSProtocol.TLS_AUTO
    """TLS_AUTO is 1.3 here: both ends are the mesh's own. (Istio: 1.2)"""
    cipher_suites: tuple[str, ...] = ()
    """Of TLS 1.2; those of 1.3 cannot be chosen."""
    ecdh_curves: tuple[str, ...] = ()


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
    access_log_file: str = ""
    """`/dev/stdout`, or empty for none."""
    access_log_format: str = ""
    default_service_export_to: tuple[str, ...] = ("*",)
    default_virtual_service_export_to: tuple[str, ...] = ("*",)
    default_destination_rule_export_to: tuple[str, ...] = ("*",)
    locality_lb_setting: LocalityLoadBalancerSetting = LocalityLoadBalancerSetting(enabled=True)
    ingress_service: str = "istio-ingressgateway"
    ingress_selector: str = "ingressgateway"
    enable_tracing: bool = False
    rest: tuple[tuple[str, bytes], ...] = ()
    """Other documented fields, by camelCase name, as JSON; none has an effect yet."""
