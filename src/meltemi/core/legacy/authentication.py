"""Authentication Policies → modes of mutual TLS, and issuers of tokens by path.

Place:  model/security → [legacy/authentication] → compose/authentication
Source: Istio 1.4, "Authentication Policy"
"""

from collections.abc import Iterable, Iterator

from meltemi.core.model.security.authentication import Jwt, MutualTls, MutualTlsMode, PathMatch, Policy, TriggerRule
from meltemi.core.model.security.origins import Origins, Region
from meltemi.core.model.security.peer_authentication import MutualTLSMode
from meltemi.core.model.security.request_authentication import JWTHeader, JWTRule

AUTHORIZATION = "authorization"


def demanded(policy: Policy) -> MutualTLSMode:
    """Whether callers must come by mutual TLS. Where they need not, they may: it is never switched off.

    Of several ways the stricter one holds.
    """
    must = any(_strict(method.mtls or MutualTls()) for method in policy.peers)
    return MutualTLSMode.STRICT if must and not policy.peer_is_optional else MutualTLSMode.PERMISSIVE


def _strict(mtls: MutualTls) -> bool:
    return mtls.mode is MutualTlsMode.STRICT and not mtls.allow_tls


def origins(policy: Policy) -> Origins | None:
    """Whose tokens are asked for, and where; None where none are."""
    issuers = tuple(origin.jwt for origin in policy.origins if origin.jwt)
    if not issuers:
        return None
    return Origins(
        rules=tuple(_rule(jwt) for jwt in issuers), regions=tuple(_regions(issuers)), optional=policy.origin_is_optional
    )


def _rule(jwt: Jwt) -> JWTRule:
    """The application gets the token, as it did in Istio."""
    return JWTRule(
        issuer=jwt.issuer,
        audiences=jwt.audiences,
        jwks_uri=jwt.jwks_uri,
        jwks=jwt.jwks,
        from_headers=tuple(JWTHeader(name=name, prefix=_before(name)) for name in jwt.jwt_headers),
        from_params=jwt.jwt_params,
        forward_original_token=True,
    )


def _before(header: str) -> str:
    return "Bearer " if header.lower() == AUTHORIZATION else ""


def _regions(issuers: tuple[Jwt, ...]) -> Iterator[Region]:
    """Exact paths and prefixes lie within one another or apart: from the narrowest on, each is judged as a whole."""
    matches = {match for jwt in issuers for match in _matches(jwt)}
    for path in sorted({match.exact for match in matches if match.exact}):
        yield Region(path=path, exact=True, rules=_asked(issuers, path, exact=True))
    prefixes = {match.prefix for match in matches if match.prefix.startswith("/")} | {"/"}
    for path in sorted(prefixes, key=lambda one: (-len(one), one)):
        yield Region(path=path, rules=_asked(issuers, path, exact=False))


def _matches(jwt: Jwt) -> Iterator[PathMatch]:
    for rule in jwt.trigger_rules:
        yield from (*rule.excluded_paths, *rule.included_paths)


def _asked(issuers: tuple[Jwt, ...], path: str, *, exact: bool) -> tuple[int, ...]:
    return tuple(i for i, jwt in enumerate(issuers) if _is_asked(jwt.trigger_rules, path, exact=exact))


def _is_asked(rules: Iterable[TriggerRule], path: str, *, exact: bool) -> bool:
    """Whether a token counts at a path, or at all that begin so and that no narrower region has.

    What cannot be told (by suffix or regex) makes it asked for: it excludes nothing, and includes everything.
    """
    known = tuple(rules)
    if not known:
        return True
    return any(
        not any(_covers(match, path, exact=exact) for match in rule.excluded_paths)
        and (not rule.included_paths or any(_may_cover(match, path, exact=exact) for match in rule.included_paths))
        for rule in known
    )


def _covers(match: PathMatch, path: str, *, exact: bool) -> bool:
    if match.exact:
        return exact and match.exact == path
    return bool(match.prefix) and path.startswith(match.prefix)


def _may_cover(match: PathMatch, path: str, *, exact: bool) -> bool:
    return bool(match.suffix or match.regex) or _covers(match, path, exact=exact)
