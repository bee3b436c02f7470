"""What a proxy does with every request, whatever route it takes: paths, client addresses, headers of its own.

Place:  model/mesh, model/mesh_proxy → [view/http_settings] → envoy/hcm, view/virtual_host
Source: Istio, MeshConfig.pathNormalization; ProxyConfig.gatewayTopology and ProxyConfig.proxyHeaders
"""

from meltemi.core.model.mesh import MeshConfig, NormalizationType
from meltemi.core.model.mesh_proxy import CertificateDetails, ForwardClientCert, OwnSettings, ProxyHeaders, Topology
from meltemi.core.model.value import Value

_MERGING = (NormalizationType.MERGE_SLASHES, NormalizationType.DECODE_AND_MERGE_SLASHES)


class HttpSettings(Value, frozen=True, kw_only=True):
    """Settled. None is as the side of the proxy has it (envoy/hcm)."""

    normalize: bool = True
    """What is matched and what the application gets is the same path."""
    merge_slashes: bool = False
    decode_slashes: bool = False
    trusted_proxies: int = 0
    client_certificate: ForwardClientCert | None = None
    details: CertificateDetails | None = None
    request_id: bool = True
    server: str | None = None
    """The `server` of answers; empty: the application's own."""
    forwarded_port: bool = False
    keeps_case: bool = False
    """Names of headers keep their letters over HTTP/1."""
    debug_headers: bool = True
    """`x-envoy-upstream-service-time` and the like."""


def http_settings(settings: MeshConfig, own: OwnSettings, *, gateway: bool) -> HttpSettings:
    """Settle. `settings` are the mesh's; what stands before a gateway concerns gateways only."""
    kind, headers = settings.path_normalization.normalization, own.headers
    topology = own.topology if gateway else Topology()
    return HttpSettings(
        normalize=kind is not NormalizationType.NONE,
        merge_slashes=kind in _MERGING,
        decode_slashes=kind is NormalizationType.DECODE_AND_MERGE_SLASHES,
        trusted_proxies=topology.num_trusted_proxies,
        client_certificate=_written(topology.forward_client_cert_details) or _written(headers.forwarded_client_cert),
        details=headers.set_current_client_cert_details,
        request_id=not (headers.request_id and headers.request_id.disabled),
        server=_server(headers),
        forwarded_port=bool(headers.x_forwarded_port and headers.x_forwarded_port.enabled),
        keeps_case=keeps_case(own),
        debug_headers=not (headers.envoy_debug_headers and headers.envoy_debug_headers.disabled),
    )


def keeps_case(own: OwnSettings) -> bool:
    """Whether names of headers keep their letters over HTTP/1; clusters are told too."""
    asked = own.headers.preserve_http1_header_case
    return bool(asked and asked.enabled)


class HostHeaders(Value, frozen=True, kw_only=True):
    """Headers that virtual hosts make."""

    attempts: bool = True
    """Requests and answers say how often they were tried."""
    forwarded_host: bool = False
    """The host that was asked for, where a route rewrites it."""


def host_headers(own: OwnSettings) -> HostHeaders:
    """Settle."""
    asked = own.headers.x_forwarded_host
    return HostHeaders(
        attempts=not (own.headers.attempt_count and own.headers.attempt_count.disabled),
        forwarded_host=bool(asked and asked.enabled),
    )


def _written(word: ForwardClientCert) -> ForwardClientCert | None:
    return None if word is ForwardClientCert.UNDEFINED else word


def _server(headers: ProxyHeaders) -> str | None:
    if headers.server is None:
        return None
    return "" if headers.server.disabled else headers.server.value or None
