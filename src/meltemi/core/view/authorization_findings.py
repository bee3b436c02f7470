"""CUSTOM policies that nobody can be asked for: what they are for is refused.

Place:  view/authorizer → [view/authorization_findings] → pipeline/authorization_findings
"""

from collections.abc import Iterator

from meltemi.core.check.report import ROOT, at, note, on, warning
from meltemi.core.compose.authorization import Applied, action_of, authorization_heads, authorization_policy
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key
from meltemi.core.model.finding import Finding
from meltemi.core.model.mesh_providers import EnvoyExternalAuthorizationHttpProvider
from meltemi.core.model.security.authorization_policy import Action
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
