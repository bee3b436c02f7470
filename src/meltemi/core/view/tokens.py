"""The tokens that a workload believes, settled: one issuer after the other, each with its keys.

Place:  compose/request_authentication → [view/tokens] → envoy/tokens
Source: Istio, "RequestAuthentication"; pilot/pkg/security/authn
"""

from meltemi.core.compose.request_authentication import key_set, request_authentication, source_of
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.security.request_authentication import JWTRequirement, JWTRule
from meltemi.core.model.value import Value

NO_KEYS = '{"keys":[]}'
"""No token is sound: better than to believe what cannot be verified."""
SPACE_DELIMITED = ("scope", "permission")


class Issuer(Value, frozen=True, kw_only=True):
    """Whose tokens are believed."""

    rule: JWTRule
    jwks: str
    """The keys in force; `NO_KEYS` where none are known."""

    @property
    def required(self) -> bool:
        return self.rule.presence is JWTRequirement.REQUIRED

    @property
    def space_delimited(self) -> tuple[str, ...]:
        """Claims whose words are a list."""
        return tuple(dict.fromkeys((*SPACE_DELIMITED, *self.rule.space_delimited_claims)))


class Tokens(Value, frozen=True, kw_only=True):
    """All issuers of a workload."""

    issuers: tuple[Issuer, ...]
    origin: tuple[Origin, ...] = ()


def tokens(e: Engine, policies: tuple[Key, ...]) -> Tokens:
    """What the documents say together."""
    found = [(key, e.get(request_authentication, key)) for key in policies]
    rules = (rule for _, spec in found if spec for rule in spec.jwt_rules)
    return Tokens(
        issuers=tuple(Issuer(rule=rule, jwks=_keys(e, rule)) for rule in rules),
        origin=tuple(Origin(key=key) for key, spec in found if spec),
    )


def _keys(e: Engine, rule: JWTRule) -> str:
    source = source_of(rule)
    return (rule.jwks if source is None else e.get(key_set, source).jwks) or NO_KEYS
