"""Rules for RequestAuthentications.

Place:  parse → [check/request_authentication] → check/{authentication,document}
Source: Istio, "RequestAuthentication", and pkg/config/validation, validateJwtRule; its CRDs, for lengths
"""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from meltemi.core.check.headers import check_header_name
from meltemi.core.check.jwks import check_jwks
from meltemi.core.check.report import ROOT, at, error, required, warning
from meltemi.core.check.target_refs import check_place
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.security.request_authentication import ClaimToHeader, JWTRule, RequestAuthentication

MAX_URI = 2048
MAX_RULES = 4096
SHORTEST = 0.001
"""Seconds."""
_HEADER = re.compile(r"[-_A-Za-z0-9]+\Z")


def check_request_authentication(policy: RequestAuthentication) -> Iterator[Finding]:
    """Every fault of one RequestAuthentication."""
    yield from check_place(policy.selector, policy.target_ref, policy.target_refs)
    if len(policy.jwt_rules) > MAX_RULES:
        message = f"{len(policy.jwt_rules)} rules, and at most {MAX_RULES} are possible"
        yield error("M2911", at(ROOT, "jwtRules"), message)
    for i, rule in enumerate(policy.jwt_rules):
        yield from _check_rule(rule, at(ROOT, "jwtRules", i))


def _check_rule(rule: JWTRule, path: Path) -> Iterator[Finding]:
    if not rule.issuer and not rule.jwks_uri:
        tip = "add 'issuer: …'; tokens of any issuer are believed with 'jwksUri' alone"
        yield required(path, "issuer", tip)
    yield from check_keys(rule.jwks, rule.jwks_uri, rule.issuer, path)
    yield from _check_texts("audiences", rule.audiences, path)
    yield from _check_places(rule, path)
    yield from _check_texts("spaceDelimitedClaims", rule.space_delimited_claims, path)
    for i, told in enumerate(rule.output_claim_to_headers):
        yield from _check_told(told, at(path, "outputClaimToHeaders", i))
    if rule.output_payload_to_header:
        yield from check_header_name(rule.output_payload_to_header, at(path, "outputPayloadToHeader"))
    yield from _check_once(rule, path)
    if rule.timeout is not None and rule.timeout < SHORTEST:
        yield error("M2004", at(path, "timeout"), f"{rule.timeout} s is too short", "at least 1ms")


def check_keys(jwks: str, uri: str, issuer: str, path: Path) -> Iterator[Finding]:
    """Where the keys of an issuer are."""
    if jwks and uri:
        yield error("M2911", at(path, "jwks"), "'jwks' and 'jwksUri' exclude each other", "keep one of the two")
    if uri:
        yield from _check_uri(uri, at(path, "jwksUri"))
    if jwks:
        yield from check_jwks(jwks, at(path, "jwks"))
    name, address = ("jwksUri", uri) if uri else ("issuer", issuer)
    if not jwks and address.lower().startswith("http:"):
        message = "whoever is on the way can replace keys that come by plain HTTP"
        yield warning("M2916", at(path, name), message, "use 'https'")


def _check_uri(uri: str, path: Path) -> Iterator[Finding]:
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError as fault:
        yield error("M2911", path, f"{uri[:MAX_URI]!r} is no address: {fault}", "write 'https://host/path'")
        return
    if parts.scheme not in ("http", "https") or not host:
        yield error("M2911", path, f"{uri[:MAX_URI]!r} is no address of the web", "write 'https://host/path'")
    if parts.username or parts.password:
        yield error("M2911", path, "an address with a password is seen by all who read the configuration", "remove it")
    if len(uri) > MAX_URI:
        yield error("M2911", path, f"the address is longer than {MAX_URI} characters")


def _check_places(rule: JWTRule, path: Path) -> Iterator[Finding]:
    for i, header in enumerate(rule.from_headers):
        yield from check_header_name(header.name, at(path, "fromHeaders", i, "name"))
    yield from _check_texts("fromParams", rule.from_params, path)
    yield from _check_texts("fromCookies", rule.from_cookies, path)


def _check_texts(name: str, texts: tuple[str, ...], path: Path) -> Iterator[Finding]:
    for i, text in enumerate(texts):
        if not text:
            yield error("M2911", at(path, name, i), "an empty text names nothing", "remove it")


def _check_once(rule: JWTRule, path: Path) -> Iterator[Finding]:
    """Each header has one meaning."""
    places = [
        (at(path, "outputClaimToHeaders", i, "header"), x.header) for i, x in enumerate(rule.output_claim_to_headers)
    ]
    places.append((at(path, "outputPayloadToHeader"), rule.output_payload_to_header))
    seen: set[str] = set()
    for place, header in places:
        if header and header.lower() in seen:
            yield warning("M2922", place, f"something else is written to {header!r} already", "name another header")
        seen.add(header.lower())


def _check_told(told: ClaimToHeader, path: Path) -> Iterator[Finding]:
    if not told.claim:
        yield required(path, "claim")
    if not told.header:
        yield required(path, "header")
    elif not _HEADER.match(told.header):
        tip = "letters, digits, '-' and '_'"
        yield error("M2106", at(path, "header"), f"{told.header!r} is no name of such a header", tip)
