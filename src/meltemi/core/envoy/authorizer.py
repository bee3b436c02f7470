"""Write the filter that asks a provider.

Place:  view/authorizer → [envoy/authorizer] → pipeline/authorizers
Source: Istio, "External Authorization": rules that decide nothing say by their names whether the provider is asked
"""

from meltemi.core.envoy import pb
from meltemi.core.model.mesh_providers import (
    EnvoyExternalAuthorizationGrpcProvider,
    EnvoyExternalAuthorizationHttpProvider,
)
from meltemi.core.view.authorization import Fit, text_of
from meltemi.core.view.authorizer import PREFIX, Authorizer

_KEY = "istio_ext_authz_shadow_effective_policy_id"
"""Where the RBAC filter says which rule would have decided: its prefix for statistics, and Envoy's word."""


def http_authorizer(to: Authorizer) -> pb.ExtAuthz:
    """For requests."""
    asked = to.asked
    written = pb.ExtAuthz(
        transport_api_version=pb.V3,
        failure_mode_allow=asked.fail_open,
        clear_route_cache=asked.clear_route_cache,
        filter_enabled_metadata=_where(to, "envoy.filters.http.rbac"),
    )
    written.status_on_error.code = pb.StatusCode.ValueType(to.status)
    if isinstance(asked, EnvoyExternalAuthorizationGrpcProvider):
        written.grpc_service.CopyFrom(_grpc(to))
    else:
        _write_http(written, to, asked)
    if to.body is not None:
        written.with_request_body.max_request_bytes = to.body.max_request_bytes
        written.with_request_body.allow_partial_message = to.body.allow_partial_message
        written.with_request_body.pack_as_bytes = to.body.pack_as_bytes
    return written


def network_authorizer(to: Authorizer) -> pb.NetworkExtAuthz | None:
    """For connections of bytes; None for a provider that judges requests only."""
    if not isinstance(to.asked, EnvoyExternalAuthorizationGrpcProvider):
        return None
    return pb.NetworkExtAuthz(
        stat_prefix="tcp.",
        transport_api_version=pb.V3,
        failure_mode_allow=to.asked.fail_open,
        grpc_service=_grpc(to),
        filter_enabled_metadata=_where(to, "envoy.filters.network.rbac"),
    )


def _where(to: Authorizer, source: str) -> pb.MetadataMatcher:
    named = pb.StringMatcher(prefix=f"{PREFIX}-{to.name}")
    path = [pb.MetadataMatcher.PathSegment(key=_KEY)]
    return pb.MetadataMatcher(filter=source, path=path, value=pb.ValueMatcher(string_match=named))


def _grpc(to: Authorizer) -> pb.GrpcService:
    written = pb.GrpcService(timeout=pb.duration(to.asked.timeout))
    written.envoy_grpc.cluster_name = to.cluster
    written.envoy_grpc.authority = to.host
    return written


def _write_http(written: pb.ExtAuthz, to: Authorizer, asked: EnvoyExternalAuthorizationHttpProvider) -> None:
    service = written.http_service
    service.server_uri.uri = f"http://{to.host}"
    service.server_uri.cluster = to.cluster
    service.server_uri.timeout.CopyFrom(pb.duration(asked.timeout))
    service.path_prefix = asked.path_prefix
    for key, value in asked.include_additional_headers_in_check:
        service.authorization_request.headers_to_add.add(key=key, value=value)
    answer = service.authorization_response
    _write_headers(answer.allowed_upstream_headers, asked.headers_to_upstream_on_allow)
    _write_headers(answer.allowed_client_headers, asked.headers_to_downstream_on_deny)
    _write_headers(answer.allowed_client_headers_on_success, asked.headers_to_downstream_on_allow)
    _write_headers(written.allowed_headers, asked.include_request_headers_in_check or asked.include_headers_in_check)


def _write_headers(to: pb.ListStringMatcher, names: tuple[str, ...]) -> None:
    """Envoy refuses an empty list; touched, it would be there."""
    if names:
        to.patterns.extend(_header(name) for name in names)


def _header(name: str) -> pb.StringMatcher:
    text = text_of(name)
    match text.fit:
        case Fit.PREFIX:
            return pb.StringMatcher(prefix=text.value, ignore_case=True)
        case Fit.SUFFIX:
            return pb.StringMatcher(suffix=text.value, ignore_case=True)
        case Fit.ANY:
            return pb.StringMatcher(safe_regex=pb.RegexMatcher(regex=".+"))
        case _:
            return pb.StringMatcher(exact=text.value, ignore_case=True)
