"""The only door to the generated Envoy code: messages by short names, and how they are packed.

Place:  [envoy/pb] → all of envoy, pipeline/resource, apps/cli/compile

`scripts/stubs` writes type stubs for the modules imported here and for those that they import.
"""

from collections.abc import Iterable
from typing import Any as Untyped
from typing import Protocol, TypeVar, cast

from envoy.config.accesslog.v3.accesslog_pb2 import AccessLog
from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.config.cluster.v3.cluster_pb2 import Cluster, LoadBalancingPolicy
from envoy.config.cluster.v3.outlier_detection_pb2 import OutlierDetection
from envoy.config.core.v3.address_pb2 import Address, BindConfig, CidrRange, SocketAddress, TcpKeepalive
from envoy.config.core.v3.base_pb2 import (
    INBOUND,
    OUTBOUND,
    HeaderValue,
    HeaderValueOption,
    Locality,
    Metadata,
    RuntimeFractionalPercent,
    TransportSocket,
)
from envoy.config.core.v3.config_source_pb2 import V3, ApiConfigSource, ConfigSource, ExtensionConfigSource
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.config.core.v3.protocol_pb2 import Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions
from envoy.config.core.v3.proxy_protocol_pb2 import ProxyProtocolConfig
from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint, LbEndpoint, LocalityLbEndpoints
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_components_pb2 import (
    Filter,
    FilterChain,
    FilterChainMatch,
    ListenerFilter,
    ListenerFilterChainMatchPredicate,
)
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.rbac.v3.rbac_pb2 import RBAC as RBACRules  # noqa: N811  (a message)
from envoy.config.rbac.v3.rbac_pb2 import Action as RBACAction
from envoy.config.rbac.v3.rbac_pb2 import Permission, Principal
from envoy.config.rbac.v3.rbac_pb2 import Policy as RBACPolicy
from envoy.config.route.v3.route_components_pb2 import (
    DirectResponseAction,
    HeaderMatcher,
    QueryParameterMatcher,
    RedirectAction,
    RetryPolicy,
    Route,
    RouteAction,
    RouteMatch,
    VirtualHost,
    WeightedCluster,
)
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.access_loggers.file.v3.file_pb2 import FileAccessLog
from envoy.extensions.clusters.dynamic_forward_proxy.v3.cluster_pb2 import (
    ClusterConfig as DynamicForwardCluster,
)
from envoy.extensions.common.dynamic_forward_proxy.v3.dns_cache_pb2 import DnsCacheConfig
from envoy.extensions.common.matching.v3.extension_matcher_pb2 import ExtensionWithMatcher
from envoy.extensions.filters.common.set_filter_state.v3.value_pb2 import FilterStateValue
from envoy.extensions.filters.http.composite.v3.composite_pb2 import (
    Composite,
    ExecuteFilterAction,
    FilterChainConfiguration,
)
from envoy.extensions.filters.http.cors.v3.cors_pb2 import Cors, CorsPolicy
from envoy.extensions.filters.http.dynamic_forward_proxy.v3.dynamic_forward_proxy_pb2 import (
    FilterConfig as DynamicForwardProxy,
)
from envoy.extensions.filters.http.dynamic_forward_proxy.v3.dynamic_forward_proxy_pb2 import (
    PerRouteConfig as DynamicForwardRoute,
)
from envoy.extensions.filters.http.ext_authz.v3.ext_authz_pb2 import ExtAuthz
from envoy.extensions.filters.http.fault.v3.fault_pb2 import HTTPFault
from envoy.extensions.filters.http.grpc_stats.v3.config_pb2 import FilterConfig as GrpcStats
from envoy.extensions.filters.http.grpc_web.v3.grpc_web_pb2 import GrpcWeb
from envoy.extensions.filters.http.header_mutation.v3.header_mutation_pb2 import HeaderMutation
from envoy.extensions.filters.http.jwt_authn.v3.config_pb2 import (
    JwtAuthentication,
    JwtProvider,
    JwtRequirement,
    JwtRequirementAndList,
    JwtRequirementOrList,
    RequirementRule,
)
from envoy.extensions.filters.http.lua.v3.lua_pb2 import Lua
from envoy.extensions.filters.http.on_demand.v3.on_demand_pb2 import OnDemand
from envoy.extensions.filters.http.rbac.v3.rbac_pb2 import RBAC as HTTPRBAC
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.http.set_filter_state.v3.set_filter_state_pb2 import Config as SetFilterState
from envoy.extensions.filters.http.upstream_codec.v3.upstream_codec_pb2 import UpstreamCodec
from envoy.extensions.filters.http.wasm.v3.wasm_pb2 import Wasm as HTTPWasm
from envoy.extensions.filters.listener.http_inspector.v3.http_inspector_pb2 import HttpInspector
from envoy.extensions.filters.listener.original_dst.v3.original_dst_pb2 import OriginalDst
from envoy.extensions.filters.listener.proxy_protocol.v3.proxy_protocol_pb2 import (
    ProxyProtocol as ProxyProtocolListener,
)
from envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2 import TlsInspector
from envoy.extensions.filters.network.ext_authz.v3.ext_authz_pb2 import ExtAuthz as NetworkExtAuthz
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
    HttpFilter,
)
from envoy.extensions.filters.network.rbac.v3.rbac_pb2 import RBAC as NetworkRBAC  # noqa: N811  (a message)
from envoy.extensions.filters.network.set_filter_state.v3.set_filter_state_pb2 import Config as NetworkSetFilterState
from envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.sni_dynamic_forward_proxy_pb2 import (
    FilterConfig as SniDynamicForwardProxy,
)
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy
from envoy.extensions.filters.network.wasm.v3.wasm_pb2 import Wasm as NetworkWasm
from envoy.extensions.http.early_header_mutation.header_mutation.v3.header_mutation_pb2 import (
    HeaderMutation as EarlyHeaderMutation,
)
from envoy.extensions.http.header_formatters.preserve_case.v3.preserve_case_pb2 import (
    PreserveCaseFormatterConfig as PreserveCaseFormatter,
)
from envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.client_side_weighted_round_robin_pb2 import (  # noqa: E501
    ClientSideWeightedRoundRobin as WeightedRoundRobin,
)
from envoy.extensions.load_balancing_policies.wrr_locality.v3.wrr_locality_pb2 import WrrLocality as WeightedLocalities
from envoy.extensions.matching.common_inputs.network.v3.network_inputs_pb2 import DestinationPortInput
from envoy.extensions.matching.input_matchers.runtime_fraction.v3.runtime_fraction_pb2 import RuntimeFraction
from envoy.extensions.path.match.uri_template.v3.uri_template_match_pb2 import UriTemplateMatchConfig
from envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2 import PreviousHostsPredicate
from envoy.extensions.retry.priority.previous_priorities.v3.previous_priorities_config_pb2 import (
    PreviousPrioritiesConfig,
)
from envoy.extensions.transport_sockets.internal_upstream.v3.internal_upstream_pb2 import InternalUpstreamTransport
from envoy.extensions.transport_sockets.proxy_protocol.v3.upstream_proxy_protocol_pb2 import (
    ProxyProtocolUpstreamTransport,
)
from envoy.extensions.transport_sockets.raw_buffer.v3.raw_buffer_pb2 import RawBuffer
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import (
    CertificateValidationContext,
    SubjectAltNameMatcher,
    TlsParameters,
)
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig, Secret
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import (
    CommonTlsContext,
    DownstreamTlsContext,
    UpstreamTlsContext,
)
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import (
    HttpProtocolOptions as UpstreamHttpOptions,
)
from envoy.extensions.wasm.v3.wasm_pb2 import FailurePolicy, PluginConfig
from envoy.service.runtime.v3.rtds_pb2 import Runtime
from envoy.type.matcher.v3.metadata_pb2 import MetadataMatcher
from envoy.type.matcher.v3.path_pb2 import PathMatcher
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import ListStringMatcher, StringMatcher
from envoy.type.matcher.v3.value_pb2 import ListMatcher, OrMatcher, ValueMatcher
from envoy.type.v3.http_status_pb2 import StatusCode
from envoy.type.v3.percent_pb2 import FractionalPercent, Percent
from google.protobuf import json_format
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import BoolValue, StringValue, UInt32Value
from xds.core.v3.extension_pb2 import TypedExtensionConfig as XdsExtension
from xds.type.matcher.v3.matcher_pb2 import Matcher
from xds.type.v3.typed_struct_pb2 import TypedStruct

ClusterWeight = WeightedCluster.ClusterWeight
HashPolicy = RouteAction.HashPolicy
RequestMirrorPolicy = RouteAction.RequestMirrorPolicy

__all__ = [
    "HTTPRBAC",
    "INBOUND",
    "OUTBOUND",
    "AccessLog",
    "Address",
    "Any",
    "BindConfig",
    "BoolValue",
    "CertificateValidationContext",
    "CidrRange",
    "CircuitBreakers",
    "Cluster",
    "ClusterLoadAssignment",
    "ClusterWeight",
    "CommonTlsContext",
    "Composite",
    "ConfigSource",
    "Cors",
    "CorsPolicy",
    "DestinationPortInput",
    "DirectResponseAction",
    "DnsCacheConfig",
    "DownstreamTlsContext",
    "Duration",
    "DynamicForwardCluster",
    "DynamicForwardProxy",
    "DynamicForwardRoute",
    "EarlyHeaderMutation",
    "Endpoint",
    "ExecuteFilterAction",
    "ExtAuthz",
    "ExtensionConfigSource",
    "ExtensionWithMatcher",
    "FailurePolicy",
    "FileAccessLog",
    "Filter",
    "FilterChain",
    "FilterChainConfiguration",
    "FilterChainMatch",
    "FilterStateValue",
    "FractionalPercent",
    "GrpcService",
    "GrpcStats",
    "GrpcWeb",
    "HTTPFault",
    "HTTPWasm",
    "HashPolicy",
    "HeaderMatcher",
    "HeaderMutation",
    "HeaderValue",
    "HeaderValueOption",
    "Http1ProtocolOptions",
    "Http2ProtocolOptions",
    "HttpConnectionManager",
    "HttpFilter",
    "HttpInspector",
    "HttpProtocolOptions",
    "InternalUpstreamTransport",
    "JwtAuthentication",
    "JwtProvider",
    "JwtRequirement",
    "JwtRequirementAndList",
    "JwtRequirementOrList",
    "LbEndpoint",
    "ListMatcher",
    "ListStringMatcher",
    "Listener",
    "ListenerFilter",
    "ListenerFilterChainMatchPredicate",
    "LoadBalancingPolicy",
    "Locality",
    "LocalityLbEndpoints",
    "Lua",
    "Matcher",
    "Message",
    "Metadata",
    "MetadataMatcher",
    "NetworkExtAuthz",
    "NetworkRBAC",
    "NetworkSetFilterState",
    "NetworkWasm",
    "OnDemand",
    "OrMatcher",
    "OriginalDst",
    "OutlierDetection",
    "PathMatcher",
    "Percent",
    "Permission",
    "PluginConfig",
    "PreserveCaseFormatter",
    "PreviousHostsPredicate",
    "PreviousPrioritiesConfig",
    "Principal",
    "ProxyProtocolConfig",
    "ProxyProtocolListener",
    "ProxyProtocolUpstreamTransport",
    "QueryParameterMatcher",
    "RBACAction",
    "RBACPolicy",
    "RBACRules",
    "RawBuffer",
    "RedirectAction",
    "RegexMatcher",
    "Repeated",
    "RequestMirrorPolicy",
    "RequirementRule",
    "RetryPolicy",
    "Route",
    "RouteAction",
    "RouteConfiguration",
    "RouteMatch",
    "Router",
    "Runtime",
    "RuntimeFraction",
    "RuntimeFractionalPercent",
    "SdsSecretConfig",
    "Secret",
    "SetFilterState",
    "SniDynamicForwardProxy",
    "SocketAddress",
    "StatusCode",
    "StringMatcher",
    "StringValue",
    "Struct",
    "SubjectAltNameMatcher",
    "TcpKeepalive",
    "TcpProxy",
    "TlsInspector",
    "TlsParameters",
    "TransportSocket",
    "TypedExtensionConfig",
    "TypedStruct",
    "UInt32Value",
    "UpstreamCodec",
    "UpstreamHttpOptions",
    "UpstreamTlsContext",
    "UriTemplateMatchConfig",
    "ValueMatcher",
    "VirtualHost",
    "WeightedLocalities",
    "WeightedRoundRobin",
    "XdsExtension",
    "ads",
    "any_of",
    "beside",
    "duration",
    "name_of",
    "serialize",
    "socket_address",
    "struct",
    "to_json",
    "tree",
    "type_url",
]

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

TYPE_PREFIX = "type.googleapis.com/"
NANOSECONDS = 1_000_000_000


class Repeated(Protocol[T_contra]):
    """A repeated field, as far as writers need it."""

    def extend(self, values: Iterable[T_contra], /) -> None: ...


def serialize(message: Message) -> bytes:
    """Bytes that are equal for equal messages: maps in the order of their keys."""
    return message.SerializeToString(deterministic=True)


def type_url(kind: type[Message]) -> str:
    """The type URL of a message class."""
    return TYPE_PREFIX + kind.DESCRIPTOR.full_name


def any_of(message: Message) -> Any:
    """A message packed; `Any.Pack` alone would leave the order of maps to chance."""
    return Any(type_url=TYPE_PREFIX + message.DESCRIPTOR.full_name, value=serialize(message))


def duration(seconds: float) -> Duration:
    """A time span in seconds, to the nanosecond."""
    whole, nanos = divmod(round(seconds * NANOSECONDS), NANOSECONDS)
    return Duration(seconds=whole, nanos=nanos)


def socket_address(address: str, port: int) -> Address:
    """A TCP address."""
    return Address(socket_address=SocketAddress(address=address, port_value=port))


def ads(*, patience: float = 0) -> ConfigSource:
    """Further configuration comes over the stream that this came by.

    Envoy waits `patience` seconds for it and then goes on without; 0 is without end: to start without a table or a
    policy would serve what nobody wrote. Secrets are given up, so that one that is missing holds nothing else up.
    """
    source = ConfigSource(resource_api_version=V3)
    source.ads.SetInParent()
    source.initial_fetch_timeout.CopyFrom(duration(patience))
    return source


def beside(cluster: str, *, patience: float) -> ConfigSource:
    """Further configuration comes from a server beside this proxy. `patience` as for `ads`."""
    source = ConfigSource(resource_api_version=V3)
    source.initial_fetch_timeout.CopyFrom(duration(patience))
    api = source.api_config_source
    api.api_type = ApiConfigSource.GRPC
    api.transport_api_version = V3
    api.set_node_on_first_message_only = True
    api.grpc_services.add().envoy_grpc.cluster_name = cluster
    return source


def struct(values: dict[str, Untyped]) -> Struct:
    """Plain values as a Struct."""
    made = Struct()
    made.update(values)
    return made


def tree(message: Message) -> dict[str, Untyped]:
    """A message in protobuf JSON, for a place where its type is not known."""
    return json_format.MessageToDict(message)


def name_of(message: Message) -> str:
    """The `name` of a message that has one (all resources but endpoints do)."""
    name: str = getattr(message, "name")  # noqa: B009  (Message itself declares no such field)
    return name


def to_json(type_: str, body: bytes) -> dict[str, Untyped]:
    """A serialized resource in protobuf JSON, keys sorted. `type_` is a type URL of a resource type."""
    kind = _RESOURCES[type_.removeprefix(TYPE_PREFIX)]
    # Sorted here, for upb gives the keys of maps in an order that differs from run to run.
    return _sorted(json_format.MessageToDict(kind.FromString(body)))


def _sorted(tree: Untyped) -> Untyped:
    if isinstance(tree, dict):
        return {name: _sorted(tree[name]) for name in sorted(cast("dict[str, Untyped]", tree))}
    if isinstance(tree, list):
        return [_sorted(one) for one in cast("list[Untyped]", tree)]
    return tree


_RESOURCES: dict[str, type[Message]] = {
    kind.DESCRIPTOR.full_name: kind
    for kind in (
        Secret,
        Cluster,
        ClusterLoadAssignment,
        TypedExtensionConfig,
        Listener,
        RouteConfiguration,
        VirtualHost,
    )
}
