"""Policy and MeshPolicy: how Istio 0.8 to 1.4 said who must prove what.

Place:  model/security → check/authentication, legacy/authentication, compose/authentication
API:    authentication.istio.io v1alpha1
"""

from enum import StrEnum
from typing import ClassVar

from meltemi.core.model.value import Value

DEFAULT = "default"
"""The name of what speaks for a whole namespace, and for the mesh."""


class MutualTlsMode(StrEnum):
    """Message MutualTls.Mode."""

    STRICT = "STRICT"
    PERMISSIVE = "PERMISSIVE"
    """Plain text too."""


class MutualTls(Value, frozen=True, kw_only=True):
    """Message MutualTls."""

    allow_tls: bool = False
    """As `mode: PERMISSIVE` (an older form)."""
    mode: MutualTlsMode = MutualTlsMode.STRICT


class PathMatch(Value, frozen=True, kw_only=True):
    """Message StringMatch, of paths without their query."""

    exact: str = ""
    prefix: str = ""
    suffix: str = ""
    regex: str = ""

    ONEOFS: ClassVar[tuple[tuple[str, ...], ...]] = (("exact", "prefix", "suffix", "regex"),)


class TriggerRule(Value, frozen=True, kw_only=True):
    """Message Jwt.TriggerRule: both lists hold."""

    excluded_paths: tuple[PathMatch, ...] = ()
    """The path matches none of these."""
    included_paths: tuple[PathMatch, ...] = ()
    """The path matches one of these; without any it may be any."""


class Jwt(Value, frozen=True, kw_only=True):
    """Message Jwt: an issuer of tokens."""

    issuer: str = ""
    audiences: tuple[str, ...] = ()
    """Of which the token must name one; empty: any."""
    jwks_uri: str = ""
    """Where the issuer's public keys are; empty with `jwks` empty: found by OpenID Connect discovery."""
    jwks: str = ""
    """The keys themselves: a JSON Web Key Set."""
    jwt_headers: tuple[str, ...] = ()
    """Headers that hold a token; without any, `Authorization` does, and the parameter `access_token`."""
    jwt_params: tuple[str, ...] = ()
    """Query parameters that hold one."""
    trigger_rules: tuple[TriggerRule, ...] = ()
    """Where the token counts: any of these holds; without any, everywhere."""


class PeerAuthenticationMethod(Value, frozen=True, kw_only=True):
    """Message PeerAuthenticationMethod. Nothing within it is `mtls: {}`."""

    mtls: MutualTls | None = None
    jwt: Jwt | None = None
    """Never worked."""

    ONEOFS: ClassVar[tuple[tuple[str, ...], ...]] = (("mtls", "jwt"),)


class OriginAuthenticationMethod(Value, frozen=True, kw_only=True):
    """Message OriginAuthenticationMethod."""

    jwt: Jwt | None = None


class PrincipalBinding(StrEnum):
    """Message PrincipalBinding."""

    USE_PEER = "USE_PEER"
    """The identity of the certificate."""
    USE_ORIGIN = "USE_ORIGIN"
    """`ISSUER/SUBJECT` of the token."""


class TargetPort(Value, frozen=True, kw_only=True):
    """Message PortSelector: a port of the service."""

    number: int = 0
    name: str = ""

    ONEOFS: ClassVar[tuple[tuple[str, ...], ...]] = (("number", "name"),)


class TargetSelector(Value, frozen=True, kw_only=True):
    """Message TargetSelector: a service of the policy's namespace."""

    name: str = ""
    """Its short name."""
    labels: tuple[tuple[str, str], ...] = ()
    ports: tuple[TargetPort, ...] = ()
    """Without any, all."""


class Policy(Value, frozen=True, kw_only=True):
    """What callers prove. Of Policy and of MeshPolicy; the narrowest that speaks for a port decides alone."""

    targets: tuple[TargetSelector, ...] = ()
    """Services; without any the policy is for its namespace, or for the mesh, and is called `default`."""
    peers: tuple[PeerAuthenticationMethod, ...] = ()
    """What the calling workload proves; without any it need not."""
    peer_is_optional: bool = False
    """Who cannot prove it is let in too."""
    origins: tuple[OriginAuthenticationMethod, ...] = ()
    """Tokens of the request, one of which must be sound; without any none need be there."""
    origin_is_optional: bool = False
    """Requests without a sound token pass too."""
    principal_binding: PrincipalBinding = PrincipalBinding.USE_PEER
    """What `request.auth.principal` of roles is."""
