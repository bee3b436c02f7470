"""CUSTOM policies that nobody can be asked for: what they are for is refused. Rules about tokens that nothing reads.

Place:  view/authorizer → [view/authorization_findings] → pipeline/authorization_findings
"""

from collections.abc import Iterator

from meltemi.core.check.report import ROOT, at, note, on, warning
from meltemi.core.compose.authorization import Applied, action_of, authorization_heads, authorization_policy
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.mesh_providers import EnvoyExternalAuthorizationHttpProvider
from meltemi.core.model.security.attribute import Attribute, named
from meltemi.core.model.security.authorization_policy import Action, Rule
from meltemi.core.model.value import Value
from meltemi.core.view.authorizer import asking, authorizer, provider_of

_PLACE = at(ROOT, "provider", "name")
_REFUSED = "what the policy is for is refused; mend the provider in 'extensionProviders' of the mesh settings"


def provider_findings(e: Engine) -> tuple[Finding, ...]:
    """Of each CUSTOM policy, whether its provider can be asked, and about what."""
    return tuple(found for head in e.get(authorization_heads) for found in _of(e, head.key))


def asks_anybody(e: Engine) -> bool:
    """Whether there is any CUSTOM policy."""
    return any((e.get(action_of, head.key) or ("",))[0] is Action.CUSTOM for head in e.get(authorization_heads))


def _of(e: Engine, key: Key) -> Iterator[Finding]:
    policy = e.get(authorization_policy, key)
    if policy is None or policy.action is not Action.CUSTOM:
        return
    found = e.get(authorizer, provider_of(e, Applied(key=key)))
    if found.fault:
        yield on(key, warning("M2914", _PLACE, found.fault, _REFUSED))
    elif found.authorizer and isinstance(found.authorizer.asked, EnvoyExternalAuthorizationHttpProvider):
        message = f"provider {found.authorizer.name!r} is asked about requests, never about connections of bytes"
        yield on(key, note("M2919", _PLACE, message, "a provider over gRPC is asked about both"))


def several_findings(e: Engine, together: tuple[tuple[Applied, ...], ...]) -> tuple[Finding, ...]:
    """`together`: the CUSTOM policies of each workload. A workload asks one provider."""
    found: dict[Key, str] = {}
    for applied in together:
        if len({provider_of(e, one) for one in applied}) > 1:
            found |= dict.fromkeys((one.key for one in applied), e.get(asking, applied).fault)
    tip = "let all CUSTOM policies of a workload name one provider; what they are for is refused"
    return tuple(on(key, warning("M2914", _PLACE, fault, tip)) for key, fault in found.items())


_TOKENS = (Attribute.REQUEST_PRINCIPAL, Attribute.AUDIENCES, Attribute.PRESENTER, Attribute.CLAIM)


class Read(Value, frozen=True, kw_only=True):
    """The policies of one workload, and whether anything reads tokens there."""

    policies: tuple[Key, ...]
    tokens: bool


def asks_for_tokens(e: Engine) -> bool:
    """Whether there is any rule about tokens."""
    return any(e.get(token_places, head.key) for head in e.get(authorization_heads))


def token_places(e: Engine, key: Key) -> tuple[tuple[Path, bool], ...]:
    """(where a policy speaks of tokens, whether it is of those that must not be)."""
    policy = e.get(authorization_policy, key)
    rules = policy.rules or () if policy else ()
    return tuple(found for i, rule in enumerate(rules) for found in _places(rule, at(ROOT, "rules", i)))


def _places(rule: Rule, path: Path) -> Iterator[tuple[Path, bool]]:
    for i, entry in enumerate(rule.from_ or ()):
        if entry.source and entry.source.request_principals:
            yield at(path, "from", i, "source", "requestPrincipals"), False
        if entry.source and entry.source.not_request_principals:
            yield at(path, "from", i, "source", "notRequestPrincipals"), True
    for i, condition in enumerate(rule.when):
        found = named(condition.key)
        if found and found.attribute in _TOKENS:
            yield at(path, "when", i, "key"), not condition.values


def tokenless_findings(e: Engine, workloads: tuple[Read, ...]) -> tuple[Finding, ...]:
    """Of the rules about tokens, those in force where nothing reads any."""
    found: dict[Key, set[bool]] = {}
    for workload in workloads:
        for key in workload.policies:
            found.setdefault(key, set()).add(workload.tokens)
    without = ((key, read) for key, read in found.items() if False in read)
    return tuple(
        on(key, _tokenless(path, negated, some=True in read))
        for key, read in without
        for path, negated in e.get(token_places, key)
    )


def _tokenless(path: Path, negated: bool, *, some: bool) -> Finding:
    where = "some of the workloads that this is for" if some else "the workloads that this is for"
    effect = "nothing is excluded" if negated else "nobody matches"
    message = f"no RequestAuthentication reads tokens at {where}: {effect} there"
    return warning("M2923", path, message, "add a RequestAuthentication with the issuer whose tokens are meant")
