"""What is to be said of the keys that tokens are verified with.

Place:  compose/{authentication,request_authentication}, shell/jwks → [view/token_findings] → pipeline/findings
"""

from collections.abc import Iterator

from meltemi.core.check.report import ROOT, at, note, on, warning
from meltemi.core.compose.authentication import GROUP, KIND, MESH_KIND, authentication_policy, origins_of
from meltemi.core.compose.inputs import keys
from meltemi.core.compose.request_authentication import key_set, request_authentication, source_of, token_heads
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.security.keys import KeySet, KeySource
from meltemi.core.model.security.request_authentication import JWTRule


def token_findings(e: Engine) -> tuple[Finding, ...]:
    """A finding for each rule, and each origin of an older Policy, whose keys did not come, or not all."""
    older = (key for kind in (KIND, MESH_KIND) for key in keys(e, GROUP, kind))
    said = (
        *(e.get(findings_of, head.key) for head in e.get(token_heads)),
        *(e.get(older_findings_of, k) for k in older),
    )
    return tuple(finding for some in said for finding in some)


def findings_of(e: Engine, key: Key) -> tuple[Finding, ...]:
    """Those of one RequestAuthentication."""
    spec = e.get(request_authentication, key)
    rules = enumerate(spec.jwt_rules) if spec else ()
    return tuple(on(key, found) for i, rule in rules for found in _of_rule(e, rule, at(ROOT, "jwtRules", i)))


def older_findings_of(e: Engine, key: Key) -> tuple[Finding, ...]:
    """Those of one Policy or MeshPolicy."""
    policy, found = e.get(authentication_policy, key), e.get(origins_of, key)
    if policy is None or found is None:
        return ()
    written = [i for i, origin in enumerate(policy.origins) if origin.jwt]
    pairs = zip(written, found.rules, strict=True)
    return tuple(on(key, one) for i, rule in pairs for one in _of_rule(e, rule, at(ROOT, "origins", i, "jwt")))


def _of_rule(e: Engine, rule: JWTRule, path: Path) -> Iterator[Finding]:
    source = source_of(rule)
    if source is None:
        return
    place = at(path, "jwksUri" if rule.jwks_uri else "issuer")
    found = e.get(key_set, source)
    if found is None:
        yield note(
            "M2915", place, f"the keys at {source.uri!r} have not been fetched: until then its tokens are refused"
        )
        return
    if found.fault:
        yield _failed(source, found, place)
    for why in found.unused:
        yield note("M2917", place, f"not used, of the keys at {source.uri!r}: {why}", "see: meltemi code M2917")


def _failed(source: KeySource, found: KeySet, place: Path) -> Finding:
    left = "the last ones are in force" if found.jwks else "there are none yet: its tokens are refused"
    message = f"the keys at {source.uri!r} cannot be fetched: {found.fault}; {left}"
    return warning("M2915", place, message, "see: meltemi code M2915")
