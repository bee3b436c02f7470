"""RequestAuthentication: which tokens a workload believes.

Place:  model/security → check/request_authentication, compose/request_authentication
API:    security.istio.io v1, v1beta1
"""

from enum import StrEnum

from meltemi.core.model.security.peer_authentication import WorkloadSelector
from meltemi.core.model.traffic.common import PolicyTargetReference
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value


class JWTRequirement(StrEnum):
    """Message JWTRule.JWTRequirement."""

    OPTIONAL = "OPTIONAL"
    REQUIRED = "REQUIRED"
    """Requests without the token are refused with 401."""


class JWTHeader(Value, frozen=True, kw_only=True):
    """Message JWTHeader: a header that holds a token."""

    name: str = ""
    prefix: str = ""
    """What stands before the token: `"Bearer "`, with its space."""


class ClaimToHeader(Value, frozen=True, kw_only=True):
    """Message ClaimToHeader."""

    header: str = ""
    claim: str = ""


class JWTRule(Value, frozen=True, kw_only=True):
    """Message JWTRule: one issuer."""

    issuer: str = ""
    """Empty: of any issuer whose keys these are."""
    audiences: tuple[str, ...] = ()
    """Of which the token must name one; empty: any."""
    jwks_uri: str = ""
    """Where the issuer's public keys are; empty with `jwks` empty: found by OpenID Connect discovery."""
    jwks: str = ""
    """The keys themselves: a JSON Web Key Set."""
    from_headers: tuple[JWTHeader, ...] = ()
    from_params: tuple[str, ...] = ()
    """Query parameters."""
    from_cookies: tuple[str, ...] = ()
    output_payload_to_header: str = ""
    """Which header tells the application the token's payload, as base64url."""
    forward_original_token: bool = False
    """The application gets the token too."""
    output_claim_to_headers: tuple[ClaimToHeader, ...] = ()
    timeout: Seconds | None = None
    """For fetching keys."""
    space_delimited_claims: tuple[str, ...] = ()
    """Claims whose words count as a list, besides `scope` and `permission`."""
    presence: JWTRequirement = JWTRequirement.OPTIONAL


class RequestAuthentication(Value, frozen=True, kw_only=True):
    """A token that is there must be sound. Whether one must be there is for AuthorizationPolicies."""

    selector: WorkloadSelector | None = None
    target_ref: PolicyTargetReference | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    jwt_rules: tuple[JWTRule, ...] = ()
