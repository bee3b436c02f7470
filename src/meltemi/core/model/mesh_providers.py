"""Services that the mesh asks, by the names that policies call them.

Place:  model/mesh MeshConfig.extension_providers → view/authorizer
API:    istio.mesh.v1alpha1, MeshConfig.ExtensionProvider
"""

from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value

NO_END = Seconds(600)
"""How long an answer may take where nothing is written (Istio's default)."""


class RequestBody(Value, frozen=True, kw_only=True):
    """Message EnvoyExternalAuthorizationRequestBody: how much of a request's body the provider sees."""

    max_request_bytes: int = 0
    allow_partial_message: bool = False
    pack_as_bytes: bool = False


class EnvoyExternalAuthorizationHttpProvider(Value, frozen=True, kw_only=True):
    """Message of the same name: asked by a request like the caller's; 200 is yes."""

    service: str = ""
    """`[NAMESPACE/]HOST`."""
    port: int = 0
    timeout: Seconds = NO_END
    path_prefix: str = ""
    fail_open: bool = False
    """Who cannot be judged is let in."""
    clear_route_cache: bool = False
    status_on_error: str = ""
    """What the caller gets where there is no answer; 403."""
    include_headers_in_check: tuple[str, ...] = ()
    """Former name of the next; without effect beside it."""
    include_request_headers_in_check: tuple[str, ...] = ()
    include_additional_headers_in_check: tuple[tuple[str, str], ...] = ()
    include_request_body_in_check: RequestBody | None = None
    headers_to_upstream_on_allow: tuple[str, ...] = ()
    headers_to_downstream_on_allow: tuple[str, ...] = ()
    headers_to_downstream_on_deny: tuple[str, ...] = ()


class EnvoyExternalAuthorizationGrpcProvider(Value, frozen=True, kw_only=True):
    """Message of the same name: asked by Envoy's `envoy.service.auth.v3.Authorization`."""

    service: str = ""
    port: int = 0
    timeout: Seconds = NO_END
    fail_open: bool = False
    clear_route_cache: bool = False
    status_on_error: str = ""
    include_request_body_in_check: RequestBody | None = None


class ExtensionProvider(Value, frozen=True, kw_only=True):
    """Message MeshConfig.ExtensionProvider, as far as it has an effect."""

    name: str = ""
    envoy_ext_authz_http: EnvoyExternalAuthorizationHttpProvider | None = None
    envoy_ext_authz_grpc: EnvoyExternalAuthorizationGrpcProvider | None = None
