"""Rules for authentication Policies and MeshPolicies.

Place:  parse → [check/authentication] → check/document
Source: Istio 1.4, pkg/config/validation, ValidateAuthenticationPolicy
"""

from collections.abc import Iterator

from meltemi.core.check.context import Context
from meltemi.core.check.names import check_port, is_label
from meltemi.core.check.rbac import check_default
from meltemi.core.check.report import ROOT, at, error, required, warning
from meltemi.core.check.request_authentication import check_keys
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.security.authentication import (
    DEFAULT,
    Jwt,
    MutualTlsMode,
    PathMatch,
    PeerAuthenticationMethod,
    Policy,
    TargetSelector,
)


def check_authentication_policy(policy: Policy, context: Context) -> Iterator[Finding]:
    """Every fault of one Policy or MeshPolicy."""
    if context.key.namespace:
        yield from _check_reach(policy, context.key.name)
    else:
        yield from check_default(context)
        if policy.targets:
            tip = "write a Policy in the namespace of the services"
            yield error("M2939", at(ROOT, "targets"), "a MeshPolicy is for the whole mesh and has no targets", tip)
    for i, target in enumerate(policy.targets):
        yield from _check_target(target, at(ROOT, "targets", i))
    for i, method in enumerate(policy.peers):
        yield from _check_peer(method, at(ROOT, "peers", i))
    yield from _check_several(policy.peers)
    for i, origin in enumerate(policy.origins):
        path = at(ROOT, "origins", i)
        if origin.jwt is None:
            yield required(path, "jwt")
        else:
            yield from _check_jwt(origin.jwt, at(path, "jwt"))
    yield from _check_issuers(policy)


def _check_reach(policy: Policy, name: str) -> Iterator[Finding]:
    """What is for a namespace has the one name, so that there is one."""
    if policy.targets and name == DEFAULT:
        tip = "give it another name, or remove 'targets'"
        yield error("M2939", at(ROOT, "targets"), f"a Policy called {DEFAULT!r} is for all of its namespace", tip)
    elif not policy.targets and name != DEFAULT:
        message = f"a Policy without targets is for all of its namespace, and is called {DEFAULT!r}"
        yield error("M2939", ROOT, message, f"name the services in 'targets', or write 'name: {DEFAULT}'")


def _check_target(target: TargetSelector, path: Path) -> Iterator[Finding]:
    if not target.name:
        yield required(path, "name", "name a service of this namespace")
    elif not is_label(target.name):
        tip = "write the short name: 'reviews'"
        yield error("M2939", at(path, "name"), f"{target.name!r} is no short name of a service", tip)
    for i, port in enumerate(target.ports):
        place = at(path, "ports", i)
        if port.number:
            yield from check_port(port.number, at(place, "number"))
        elif not port.name:
            yield required(place, "number", "name the port by 'number' or by 'name'")


def _check_peer(method: PeerAuthenticationMethod, path: Path) -> Iterator[Finding]:
    if method.jwt is not None:
        tip = "write it under 'origins'"
        yield error("M2940", at(path, "jwt"), "workloads cannot authenticate themselves by token", tip)


def _check_several(peers: tuple[PeerAuthenticationMethod, ...]) -> Iterator[Finding]:
    if len(peers) > 1:
        strict = any(one.mtls is None or one.mtls.mode is MutualTlsMode.STRICT for one in peers)
        message = f"of several ways of mutual TLS the stricter one holds: {'STRICT' if strict else 'PERMISSIVE'}"
        yield warning("M2940", at(ROOT, "peers"), message, "keep one")


def _check_jwt(jwt: Jwt, path: Path) -> Iterator[Finding]:
    if not jwt.issuer:
        yield required(path, "issuer")
    yield from check_keys(jwt.jwks, jwt.jwks_uri, jwt.issuer, path)
    for name, values in (("audiences", jwt.audiences), ("jwtHeaders", jwt.jwt_headers), ("jwtParams", jwt.jwt_params)):
        for i, value in enumerate(values):
            if not value:
                yield error("M2911", at(path, name, i), "an empty text names nothing", "remove it")
    for i, rule in enumerate(jwt.trigger_rules):
        place = at(path, "triggerRules", i)
        for j, match in enumerate(rule.excluded_paths):
            yield from _check_match(match, at(place, "excludedPaths", j), "the token is asked for there too")
        for j, match in enumerate(rule.included_paths):
            yield from _check_match(match, at(place, "includedPaths", j), "the token is asked for on all paths")


def _check_match(match: PathMatch, path: Path, instead: str) -> Iterator[Finding]:
    if match == PathMatch():
        yield error("M2941", path, "an empty path matches nothing", "write 'exact: …' or 'prefix: …'")
    elif match.suffix or match.regex:
        word = "suffix" if match.suffix else "regex"
        message = f"a path cannot be told by {word!r} here: {instead}"
        yield warning("M2941", at(path, word), message, "write 'exact: …' or 'prefix: …'")


def _check_issuers(policy: Policy) -> Iterator[Finding]:
    seen: set[str] = set()
    for i, origin in enumerate(policy.origins):
        issuer = origin.jwt.issuer if origin.jwt else ""
        if issuer in seen:
            place = at(ROOT, "origins", i, "jwt", "issuer")
            yield error("M2940", place, f"issuer {issuer!r} is written twice", "write it once")
        if issuer:
            seen.add(issuer)
