"""ProxyConfig of the mesh (`defaultConfig`, annotation `proxy.istio.io/config`): settings of single proxies.

Place:  model · parse/mesh → MeshConfig.default_config; view/http_settings, core/inject and shell/agent read it
API:    istio.mesh.v1alpha1.ProxyConfig; fields that have no effect are known by name (parse/mesh)

`gatewayTopology` and `proxyHeaders` change while a proxy runs; everything else is what it was started with.
"""

from enum import StrEnum

from meltemi.core.model.traffic.proxy_config import ProxyImage
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value


class InterceptionMode(StrEnum):
    """Message ProxyConfig.InboundInterceptionMode: how traffic comes to the proxy."""

    REDIRECT = "REDIRECT"
    TPROXY = "TPROXY"
    """Refused when a pod is injected."""
    NONE = "NONE"


class ForwardClientCert(StrEnum):
    """Message ForwardClientCertDetails: what becomes of `X-Forwarded-Client-Cert` of a request."""

    UNDEFINED = "UNDEFINED"
    SANITIZE = "SANITIZE"
    """It is taken away."""
    FORWARD_ONLY = "FORWARD_ONLY"
    """Passed on as it came, where the caller came by mutual TLS."""
    APPEND_FORWARD = "APPEND_FORWARD"
    """The caller's own certificate is added, where it came by mutual TLS."""
    SANITIZE_SET = "SANITIZE_SET"
    """The caller's own certificate in its place."""
    ALWAYS_FORWARD_ONLY = "ALWAYS_FORWARD_ONLY"
    """Passed on as it came, whoever called."""


class ProxyProtocolConfiguration(Value, frozen=True, kw_only=True):
    """Message Topology.ProxyProtocolConfiguration: that it is written is all it says."""


class Topology(Value, frozen=True, kw_only=True):
    """What stands before a gateway."""

    num_trusted_proxies: int = 0
    """Proxies before it whose `X-Forwarded-For` is believed."""
    forward_client_cert_details: ForwardClientCert = ForwardClientCert.UNDEFINED
    proxy_protocol: ProxyProtocolConfiguration | None = None
    """Connections begin with a PROXY header, which says who the client is."""


class HeaderSwitch(Value, frozen=True, kw_only=True):
    """A header that the proxy would make."""

    disabled: bool | None = None


class HeaderChoice(Value, frozen=True, kw_only=True):
    """What the proxy does not do with headers by itself."""

    enabled: bool | None = None


class ServerHeader(Value, frozen=True, kw_only=True):
    """Message ProxyConfig.ProxyHeaders.Server."""

    disabled: bool | None = None
    """Answers keep the `server` of the application."""
    value: str = ""


class CertificateDetails(Value, frozen=True, kw_only=True):
    """Message SetCurrentClientCertDetails: what is told of the caller's certificate, besides its hash."""

    subject: bool | None = None
    cert: bool | None = None
    chain: bool | None = None
    dns: bool | None = None
    uri: bool | None = None


class ProxyHeaders(Value, frozen=True, kw_only=True):
    """Headers that proxies make."""

    forwarded_client_cert: ForwardClientCert = ForwardClientCert.UNDEFINED
    set_current_client_cert_details: CertificateDetails | None = None
    request_id: HeaderSwitch | None = None
    server: ServerHeader | None = None
    attempt_count: HeaderSwitch | None = None
    envoy_debug_headers: HeaderSwitch | None = None
    """`x-envoy-upstream-service-time` and the like."""
    x_forwarded_host: HeaderChoice | None = None
    """The host that was asked for, where a route rewrites it."""
    x_forwarded_port: HeaderChoice | None = None
    """The port that was asked for."""
    preserve_http1_header_case: HeaderChoice | None = None
    """Names of headers keep their letters over HTTP/1; without it they are in lower case."""


class ProxyStatsMatcher(Value, frozen=True, kw_only=True):
    """Metrics that are kept beyond the default."""

    inclusion_prefixes: tuple[str, ...] = ()
    inclusion_suffixes: tuple[str, ...] = ()
    inclusion_regexps: tuple[str, ...] = ()


class DefaultConfig(Value, frozen=True, kw_only=True):
    """Settings of proxies, as far as they take effect."""

    config_path: str = ""
    service_cluster: str = ""
    drain_duration: Seconds | None = None
    termination_drain_duration: Seconds | None = None
    concurrency: int | None = None
    interception_mode: InterceptionMode | None = None
    proxy_metadata: tuple[tuple[str, str], ...] = ()
    """Variables of the proxy's container."""
    runtime_values: tuple[tuple[str, str], ...] = ()
    """Envoy's runtime, by name."""
    status_port: int | None = None
    hold_application_until_proxy_starts: bool | None = None
    image: ProxyImage | None = None
    proxy_stats_matcher: ProxyStatsMatcher | None = None
    file_flush_interval: Seconds | None = None
    """How long Envoy collects lines of logs before it writes them."""
    file_flush_min_size_kb: int | None = None
    """How much Envoy collects before it writes."""
    gateway_topology: Topology | None = None
    proxy_headers: ProxyHeaders | None = None


POLICY_HEADER = "meltemi.io/policy-header"
"""Annotation of a pod: its proxy says in a header of each answer which rule decided."""


class OwnSettings(Value, frozen=True, kw_only=True):
    """Of one proxy's ProxyConfig and of its pod, what changes while it runs."""

    topology: Topology = Topology()
    headers: ProxyHeaders = ProxyHeaders()
    policy_header: bool = False
    """Answers say which rule decided."""


NOTHING_OWN = OwnSettings()
