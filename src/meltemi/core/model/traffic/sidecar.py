"""Sidecar, and WorkloadGroup.

Place:  model/traffic → check/sidecar, check/workload_entry
API:    networking.istio.io v1, v1beta1, v1alpha3
"""

from enum import StrEnum
from typing import ClassVar

from meltemi.core.model.traffic.common import Destination, WorkloadSelector
from meltemi.core.model.traffic.destination_rule import ConnectionPoolSettings
from meltemi.core.model.traffic.gateway import ServerTLSSettings
from meltemi.core.model.traffic.service_entry import WorkloadEntry
from meltemi.core.model.value import Value


class SidecarPort(Value, frozen=True, kw_only=True):
    """A port of a listener."""

    number: int | None = None
    protocol: str = ""
    name: str = ""
    target_port: int | None = None


class CaptureMode(StrEnum):
    """How traffic reaches a listener."""

    DEFAULT = "DEFAULT"
    IPTABLES = "IPTABLES"
    NONE = "NONE"


class SidecarOutboundMode(StrEnum):
    """Message OutboundTrafficPolicy.Mode: calls to unknown hosts. Its third mode is for the whole mesh only."""

    REGISTRY_ONLY = "REGISTRY_ONLY"
    ALLOW_ANY = "ALLOW_ANY"


class SidecarOutboundTrafficPolicy(Value, frozen=True, kw_only=True):
    """Message OutboundTrafficPolicy: calls to unknown hosts."""

    mode: SidecarOutboundMode = SidecarOutboundMode.REGISTRY_ONLY
    egress_proxy: Destination | None = None


class IstioIngressListener(Value, frozen=True, kw_only=True):
    """A port that the workload is called at."""

    port: SidecarPort | None = None
    bind: str = ""
    capture_mode: CaptureMode = CaptureMode.DEFAULT
    default_endpoint: str = ""
    tls: ServerTLSSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None


class IstioEgressListener(Value, frozen=True, kw_only=True):
    """Hosts that the workload calls."""

    port: SidecarPort | None = None
    bind: str = ""
    capture_mode: CaptureMode = CaptureMode.DEFAULT
    hosts: tuple[str, ...] = ()


class Sidecar(Value, frozen=True, kw_only=True):
    """What the sidecars of some workloads are told."""

    workload_selector: WorkloadSelector | None = None
    ingress: tuple[IstioIngressListener, ...] = ()
    egress: tuple[IstioEgressListener, ...] = ()
    inbound_connection_pool: ConnectionPoolSettings | None = None
    outbound_traffic_policy: SidecarOutboundTrafficPolicy | None = None


class HTTPHeader(Value, frozen=True, kw_only=True):
    """A header of a probe."""

    name: str = ""
    value: str = ""


class HTTPHealthCheckConfig(Value, frozen=True, kw_only=True):
    """A probe by a request."""

    path: str = ""
    port: int | None = None
    host: str = ""
    scheme: str = ""
    http_headers: tuple[HTTPHeader, ...] = ()


class TCPHealthCheckConfig(Value, frozen=True, kw_only=True):
    """A probe by a connection; also for gRPC."""

    host: str = ""
    port: int | None = None
    service: str = ""


class ExecHealthCheckConfig(Value, frozen=True, kw_only=True):
    """A probe by a command."""

    command: tuple[str, ...] = ()


class ReadinessProbe(Value, frozen=True, kw_only=True):
    """How the agent asks a workload outside of Kubernetes whether it is ready."""

    ONEOFS: ClassVar = (("http_get", "tcp_socket", "exec", "grpc"),)

    initial_delay_seconds: int | None = None
    timeout_seconds: int | None = None
    period_seconds: int | None = None
    success_threshold: int | None = None
    failure_threshold: int | None = None
    http_get: HTTPHealthCheckConfig | None = None
    tcp_socket: TCPHealthCheckConfig | None = None
    exec: ExecHealthCheckConfig | None = None
    grpc: TCPHealthCheckConfig | None = None


class ObjectMeta(Value, frozen=True, kw_only=True):
    """Metadata that the workloads of a group get."""

    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()


class WorkloadGroup(Value, frozen=True, kw_only=True):
    """What the WorkloadEntries of one kind of machine have in common."""

    metadata: ObjectMeta | None = None
    template: WorkloadEntry | None = None
    probe: ReadinessProbe | None = None
