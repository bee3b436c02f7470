"""The tokens that a workload believes, settled: one issuer after the other, each with its keys.

Place:  compose/request_authentication → [view/tokens] → view/origins, envoy/tokens
Source: Istio, "RequestAuthentication"; pilot/pkg/security/authn
"""

import json
from collections.abc import Mapping

from meltemi.core.check.jwks import keys_of, public_half
from meltemi.core.compose.request_authentication import key_set, request_authentication, source_of
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.security.request_authentication import JWTRequirement, JWTRule
from meltemi.core.model.tree import Tree
from meltemi.core.model.value import Value

NOBODY: Mapping[str, str] = {
    "kty": "EC",
    "crv": "P-256",
    "kid": "nobody",
    "x": "TFKm-UlL0tq6rvtZJwZaSft11pljF1viRPFGKWtfwJw",
    "y": "CZvq8YJtNWnq3V4PwNnGBu0ZvqNIUKFm86XlcVnTBoo",
}
"""A key with which nobody can sign: `x` is the SHA-256 of `nobody 3`, the first such text that is a point of the curve.

It stands in every set: Envoy refuses one without a key that it can use, and would verify no token at all.
"""
USUAL_PLACES = frozenset({("header", "authorization"), ("param", "access_token")})
"""Where a rule names none."""
SPACE_DELIMITED = ("scope", "permission")


class Issuer(Value, frozen=True, kw_only=True):
    """Whose tokens are believed."""

    rule: JWTRule
    jwks: str
    """The keys in force, and `NOBODY`."""

    @property
    def required(self) -> bool:
        return self.rule.presence is JWTRequirement.REQUIRED

    @property
    def space_delimited(self) -> tuple[str, ...]:
        """Claims whose words are a list."""
        return tuple(dict.fromkeys((*SPACE_DELIMITED, *self.rule.space_delimited_claims)))

    @property
    def places(self) -> frozenset[tuple[str, str]]:
        """Where its tokens are looked for."""
        rule = self.rule
        headers = {("header", header.name.lower()) for header in rule.from_headers}
        params, cookies = (
            {("param", name) for name in rule.from_params},
            {("cookie", name) for name in rule.from_cookies},
        )
        return frozenset(headers | params | cookies) or USUAL_PLACES


class Tokens(Value, frozen=True, kw_only=True):
    """All issuers of a workload."""

    groups: tuple[tuple[Issuer, ...], ...]
    """Those with a place in common stand together: each refuses the tokens of the others there."""
    origin: tuple[Origin, ...] = ()

    @property
    def issuers(self) -> tuple[Issuer, ...]:
        """All of them."""
        return tuple(issuer for group in self.groups for issuer in group)


def tokens(e: Engine, policies: tuple[Key, ...]) -> Tokens:
    """What the documents say together."""
    found = [(key, e.get(request_authentication, key)) for key in policies]
    rules = (rule for _, spec in found if spec for rule in spec.jwt_rules)
    return Tokens(
        groups=_grouped([Issuer(rule=rule, jwks=issuer_keys(e, rule)) for rule in rules]),
        origin=tuple(Origin(key=key) for key, spec in found if spec),
    )


def _grouped(issuers: list[Issuer]) -> tuple[tuple[Issuer, ...], ...]:
    groups: list[tuple[Issuer, ...]] = []
    for issuer in issuers:
        near = [group for group in groups if any(issuer.places & one.places for one in group)]
        groups = [group for group in groups if group not in near]
        groups.append((*(one for group in near for one in group), issuer))
    return tuple(groups)


def issuer_keys(e: Engine, rule: JWTRule) -> str:
    """The keys in force for one issuer."""
    source = source_of(rule)
    if source is None:
        return _guarded(rule.jwks)
    found = e.get(key_set, source)
    return _guarded(found.jwks if found else "")


def _guarded(jwks: str) -> str:
    """Without keys, and without any that Envoy can use, no token is sound: better than to believe all."""
    public = [_told_apart(public_half(key)) for key in keys_of(jwks) or []]
    return json.dumps({"keys": [*public, NOBODY]})


def _told_apart(key: Tree) -> Tree:
    """A key that says for which tokens it is, where it is for one kind only.

    A token without `kid` is tried with one key after the other. Where a key of Ed25519 meets the longer signature of
    RSA, Envoy ends the search and refuses a sound token, unless the key is passed over for its algorithm.
    """
    if not isinstance(key, dict) or key.get("kty") != "OKP":
        return key
    return {"alg": "EdDSA", **key}
