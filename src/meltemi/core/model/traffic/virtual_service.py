"""VirtualService: where requests and connections to a host go.

Place:  model/traffic → check/virtual_service → compose → view/route
API:    networking.istio.io v1, v1beta1, v1alpha3, message VirtualService
"""

from enum import StrEnum
from typing import ClassVar

from meltemi.core.model.traffic.common import Destination, Percent, StringMatch
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value


class HeaderOperations(Value, frozen=True, kw_only=True):
    """Changes to headers: `set` replaces, `add` appends, `remove` drops."""

    set: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()


class Headers(Value, frozen=True, kw_only=True):
    """Header changes on the way there and back."""

    request: HeaderOperations | None = None
    response: HeaderOperations | None = None


class HTTPMatchRequest(Value, frozen=True, kw_only=True):
    """Conditions on a request; all that are written must hold."""

    name: str = ""
    uri: StringMatch | None = None
    scheme: StringMatch | None = None
    method: StringMatch | None = None
    authority: StringMatch | None = None
    headers: tuple[tuple[str, StringMatch], ...] = ()
    """A match without any field (`{}`) asks only that the header is there."""
    port: int | None = None
    """The port at which the request is addressed."""
    source_labels: tuple[tuple[str, str], ...] = ()
    gateways: tuple[str, ...] = ()
    """Replaces the VirtualService's own list where not empty."""
    query_params: tuple[tuple[str, StringMatch], ...] = ()
    ignore_uri_case: bool = False
    without_headers: tuple[tuple[str, StringMatch], ...] = ()
    """Headers that must not match so."""
    source_namespace: str = ""
    stat_prefix: str = ""


class HTTPRouteDestination(Value, frozen=True, kw_only=True):
    """One destination of a split."""

    destination: Destination | None = None
    weight: int | None = None
    """Share relative to the other destinations; None counts as 0 (as the whole where the destination stands alone)."""
    headers: Headers | None = None


class RedirectPortSelection(StrEnum):
    """Where a redirect's port comes from."""

    FROM_PROTOCOL_DEFAULT = "FROM_PROTOCOL_DEFAULT"
    """80 for http, 443 for https."""
    FROM_REQUEST_PORT = "FROM_REQUEST_PORT"


class HTTPRedirect(Value, frozen=True, kw_only=True):
    """Answer with a redirect."""

    ONEOFS: ClassVar = (("port", "derive_port"),)

    uri: str = ""
    """Replaces the path; the whole even where a prefix matched."""
    prefix_rewrite: str = ""
    """Replaces the part of the path that a prefix match found; instead of `uri`."""
    authority: str = ""
    port: int | None = None
    """At most one of `port` and `derive_port`."""
    derive_port: RedirectPortSelection | None = None
    scheme: str = ""
    """`http` or `https`."""
    redirect_code: int | None = None
    """None is 301."""


class HTTPBody(Value, frozen=True, kw_only=True):
    """A body; exactly one field is set."""

    ONEOFS: ClassVar = (("string", "bytes_"),)

    string: str | None = None
    bytes_: bytes | None = None
    """base64 where written."""


class HTTPDirectResponse(Value, frozen=True, kw_only=True):
    """Answer at once, without any destination."""

    status: int = 0
    body: HTTPBody | None = None


class Delegate(Value, frozen=True, kw_only=True):
    """Another VirtualService (without hosts) whose HTTP routes stand in the place of this one."""

    name: str = ""
    namespace: str = ""
    """Empty is the namespace of the delegating document."""


class RegexRewrite(Value, frozen=True, kw_only=True):
    """Rewrite of the path by a regular expression (RE2)."""

    match: str = ""
    rewrite: str = ""


class HTTPRewrite(Value, frozen=True, kw_only=True):
    """What the destination sees instead of what the client wrote."""

    uri: str = ""
    """Replaces the path, or the part that a prefix match found."""
    authority: str = ""
    uri_regex_rewrite: RegexRewrite | None = None


class HTTPRetry(Value, frozen=True, kw_only=True):
    """How often, how long and for which failures a request is tried again."""

    attempts: int | None = None
    """Tries after the first. 0 (and a written policy without it) turns retries off."""
    per_try_timeout: Seconds | None = None
    """Limit of each single try; None is the route's timeout."""
    retry_on: str = ""
    """Envoy's retry conditions and bare status codes, separated by commas. Empty is Istio's default."""
    retry_remote_localities: bool | None = None
    retry_ignore_previous_hosts: bool | None = None
    """None is true."""
    backoff: Seconds | None = None
    """Base interval; None is 25 ms."""


class HTTPFaultInjectionDelay(Value, frozen=True, kw_only=True):
    """Hold requests back before they are forwarded."""

    ONEOFS: ClassVar = (("fixed_delay", "exponential_delay"),)

    fixed_delay: Seconds | None = None
    exponential_delay: Seconds | None = None
    percentage: Percent | None = None
    """Without it and without `percent` no request is delayed."""
    percent: int | None = None
    """Deprecated form of `percentage`, whole numbers."""


class HTTPFaultInjectionAbort(Value, frozen=True, kw_only=True):
    """Answer requests with an error instead of forwarding them; one of the first three is set."""

    ONEOFS: ClassVar = (("http_status", "grpc_status", "http2_error"),)

    http_status: int | None = None
    grpc_status: str | None = None
    """A gRPC code by name (`UNAVAILABLE`) or number."""
    http2_error: str | None = None
    percentage: Percent | None = None
    percent: int | None = None
    """Deprecated form of `percentage`, whole numbers."""


class HTTPFaultInjection(Value, frozen=True, kw_only=True):
    """Faults injected at the client's side."""

    delay: HTTPFaultInjectionDelay | None = None
    abort: HTTPFaultInjectionAbort | None = None


class HTTPMirrorPolicy(Value, frozen=True, kw_only=True):
    """A destination that gets copies of requests, whose answers are thrown away."""

    destination: Destination | None = None
    percentage: Percent | None = None
    """None is all."""


class UnmatchedPreflights(StrEnum):
    """What happens to a preflight whose origin is not allowed."""

    UNSPECIFIED = "UNSPECIFIED"
    FORWARD = "FORWARD"
    IGNORE = "IGNORE"


class CorsPolicy(Value, frozen=True, kw_only=True):
    """Cross-origin resource sharing."""

    allow_origin: tuple[str, ...] = ()
    """Deprecated exact form of `allow_origins`."""
    allow_origins: tuple[StringMatch, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: Seconds | None = None
    allow_credentials: bool | None = None
    unmatched_preflights: UnmatchedPreflights = UnmatchedPreflights.UNSPECIFIED


class HTTPRoute(Value, frozen=True, kw_only=True):
    """One rule for HTTP; the first whose match holds is taken.

    Exactly one of `route`, `redirect`, `direct_response` and `delegate` decides.
    """

    name: str = ""
    match: tuple[HTTPMatchRequest, ...] = ()
    """Alternatives; empty matches everything."""
    route: tuple[HTTPRouteDestination, ...] = ()
    redirect: HTTPRedirect | None = None
    direct_response: HTTPDirectResponse | None = None
    delegate: Delegate | None = None
    rewrite: HTTPRewrite | None = None
    timeout: Seconds | None = None
    """None and 0 are no limit."""
    retries: HTTPRetry | None = None
    fault: HTTPFaultInjection | None = None
    mirror: Destination | None = None
    mirrors: tuple[HTTPMirrorPolicy, ...] = ()
    mirror_percent: int | None = None
    """Deprecated form of `mirror_percentage`, whole numbers."""
    mirror_percentage: Percent | None = None
    cors_policy: CorsPolicy | None = None
    headers: Headers | None = None
    websocket_upgrade: bool = False
    """Istio 0.8; upgrades are always allowed since."""
    append_headers: tuple[tuple[str, str], ...] = ()
    """Istio 0.8 form of `headers.request.add`."""
    append_request_headers: tuple[tuple[str, str], ...] = ()
    """Istio 1.0 form of `headers.request.add`."""
    remove_request_headers: tuple[str, ...] = ()
    append_response_headers: tuple[tuple[str, str], ...] = ()
    remove_response_headers: tuple[str, ...] = ()
    """Also Istio 0.8."""


class L4MatchAttributes(Value, frozen=True, kw_only=True):
    """Conditions on a connection; all that are written must hold."""

    destination_subnets: tuple[str, ...] = ()
    """IP addresses or CIDR ranges."""
    port: int | None = None
    source_subnet: str = ""
    source_labels: tuple[tuple[str, str], ...] = ()
    gateways: tuple[str, ...] = ()
    source_namespace: str = ""


class TLSMatchAttributes(Value, frozen=True, kw_only=True):
    """Conditions on a TLS connection that is passed through; all that are written must hold."""

    sni_hosts: tuple[str, ...] = ()
    destination_subnets: tuple[str, ...] = ()
    port: int | None = None
    source_subnet: str = ""
    source_labels: tuple[tuple[str, str], ...] = ()
    gateways: tuple[str, ...] = ()
    source_namespace: str = ""


class RouteDestination(Value, frozen=True, kw_only=True):
    """One destination of a split of connections."""

    destination: Destination | None = None
    weight: int | None = None
    """Share relative to the other destinations; None counts as 0 (as the whole where the destination stands alone)."""


class TLSRoute(Value, frozen=True, kw_only=True):
    """One rule for TLS connections that are passed through."""

    match: tuple[TLSMatchAttributes, ...] = ()
    route: tuple[RouteDestination, ...] = ()


class TCPRoute(Value, frozen=True, kw_only=True):
    """One rule for connections of opaque bytes."""

    match: tuple[L4MatchAttributes, ...] = ()
    route: tuple[RouteDestination, ...] = ()


class VirtualService(Value, frozen=True, kw_only=True):
    """Rules for the traffic to some hosts."""

    hosts: tuple[str, ...] = ()
    """Names, `*.suffix`, `*`, or IP addresses. Empty: only to be delegated to."""
    gateways: tuple[str, ...] = ()
    """`name` or `namespace/name` of Gateways, or `mesh`; empty is `mesh`."""
    http: tuple[HTTPRoute, ...] = ()
    tls: tuple[TLSRoute, ...] = ()
    tcp: tuple[TCPRoute, ...] = ()
    export_to: tuple[str, ...] = ()
    """Namespaces that see it: names, `.` or `*`; empty is the mesh's default."""
