"""A service, its endpoints and the workloads behind them, as the mesh sees them.

Place:  made by compose/registry from Kubernetes objects and ServiceEntries → compose → view
"""

from enum import StrEnum

from meltemi.core.model.document import Origin
from meltemi.core.model.units import PortNumber
from meltemi.core.model.value import Value


class AppProtocol(StrEnum):
    """What is spoken on a service port.

    Source: Istio, "Protocol Selection". MONGO, REDIS and MYSQL are server-first or opaque TCP.
    """

    HTTP = "http"
    HTTP2 = "http2"
    GRPC = "grpc"
    GRPC_WEB = "grpc-web"
    HTTPS = "https"
    TLS = "tls"
    TCP = "tcp"
    MONGO = "mongo"
    REDIS = "redis"
    MYSQL = "mysql"
    UDP = "udp"
    AUTO = "auto"
    """Neither port name nor appProtocol says: the proxy looks at the first bytes."""

    @property
    def is_http(self) -> bool:
        return self in _HTTP

    @property
    def is_http2(self) -> bool:
        return self in (AppProtocol.HTTP2, AppProtocol.GRPC)

    @property
    def is_tls(self) -> bool:
        return self in (AppProtocol.HTTPS, AppProtocol.TLS)

    @property
    def is_tcp(self) -> bool:
        """Opaque bytes: never sniffed, so a server that speaks first does not stall."""
        return self in (AppProtocol.TCP, AppProtocol.MONGO, AppProtocol.REDIS, AppProtocol.MYSQL)


_HTTP = frozenset({AppProtocol.HTTP, AppProtocol.HTTP2, AppProtocol.GRPC, AppProtocol.GRPC_WEB})


class Resolution(StrEnum):
    """How a client finds a service's endpoints."""

    EDS = "eds"
    """Endpoints are known to the control plane and pushed."""
    DNS = "dns"
    """The proxy resolves the endpoints' names, all answers are used (STRICT_DNS)."""
    DNS_ROUND_ROBIN = "dns-round-robin"
    """The proxy resolves one name and uses the first answer (LOGICAL_DNS)."""
    DYNAMIC = "dynamic"
    """The proxy resolves the name that each request or connection names (ServiceEntry DYNAMIC_DNS)."""
    PASSTHROUGH = "passthrough"
    """The original destination (ServiceEntry NONE, headless Services)."""
    ALIAS = "alias"
    """Another name of another service (ExternalName)."""


class ServicePort(Value, frozen=True, kw_only=True):
    """One port of a service."""

    number: PortNumber
    name: str
    protocol: AppProtocol
    target: PortNumber | str | None = None
    """The workload's port or port name; None is the same number."""


class Service(Value, frozen=True, kw_only=True):
    """A host that can be called, merged over registries."""

    host: str
    """Fully qualified: `reviews.default.svc.cluster.local`, or a ServiceEntry's host (`*.example.com` included)."""
    namespace: str
    name: str
    """The Kubernetes Service's or ServiceEntry's name."""
    ports: tuple[ServicePort, ...]
    addresses: tuple[str, ...] = ()
    """Virtual addresses, of both families; CIDR ranges only from ServiceEntries. Empty: headless or none."""
    resolution: Resolution = Resolution.EDS
    mesh_external: bool = False
    headless: bool = False
    kubernetes: bool = False
    """From a Kubernetes Service: short names and `*.svc` names lead to it."""
    alias_of: str = ""
    """Target host of an ExternalName."""
    export_to: tuple[str, ...] = ("*",)
    """Namespaces that see it: `*`, `.` already replaced by the own namespace, `~` for none."""
    selector: tuple[tuple[str, str], ...] = ()
    """Sorted; empty selects nothing."""
    labels: tuple[tuple[str, str], ...] = ()
    subject_alt_names: tuple[str, ...] = ()
    """Names that its servers' certificates may have (ServiceEntry)."""
    created: str = ""
    origin: Origin


class Endpoint(Value, frozen=True, kw_only=True):
    """One address that answers one service port."""

    address: str
    """IP address, host name (resolution DNS), or `unix:///path`."""
    port: PortNumber
    """The workload's port; 0 for a Unix socket."""
    labels: tuple[tuple[str, str], ...] = ()
    """Of the workload, sorted: subsets select by them."""
    weight: int = 1
    locality: str = ""
    network: str = ""
    workload: str = ""
    """The workload's name (Deployment), for telemetry."""
    namespace: str = ""
    service_account: str = ""
    tls: bool = False
    """The workload's sidecar accepts mutual TLS."""
    healthy: bool = True
