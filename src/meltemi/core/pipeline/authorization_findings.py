"""What policies have to say that depends on the others of a workload, or on what reads its tokens.

Place:  view/authorization_findings, pipeline/proxies → [pipeline/authorization_findings] → pipeline/{findings,compile}
"""

from meltemi.core.compose.authentication import origin_policies
from meltemi.core.compose.authorization import policies_of
from meltemi.core.compose.request_authentication import token_policies
from meltemi.core.engine.engine import Engine
from meltemi.core.model.finding import Finding
from meltemi.core.model.proxy import Scope
from meltemi.core.pipeline.proxies import pod_scopes
from meltemi.core.view.authorization_findings import (
    Read,
    asks_anybody,
    asks_for_tokens,
    provider_findings,
    several_findings,
    tokenless_findings,
)


def authorization_findings(e: Engine) -> tuple[Finding, ...]:
    """Of all policies, over the proxies of all pods."""
    scopes = e.get(pod_scopes) if e.get(asks_anybody) or e.get(asks_for_tokens) else ()
    return (*e.get(provider_findings), *together_findings(e, scopes))


def together_findings(e: Engine, scopes: tuple[Scope, ...]) -> tuple[Finding, ...]:
    """Of the CUSTOM policies of these scopes, those that name several providers; rules about tokens that none reads."""
    applied = tuple(e.get(policies_of, scope.namespace, scope.labels) for scope in scopes)
    custom = tuple(dict.fromkeys(one.custom for one in applied if one.custom))
    read = (
        Read(policies=tuple(policy.key for policy in one.every), tokens=_reads_tokens(e, scope))
        for one, scope in zip(applied, scopes, strict=True)
    )
    return (*e.get(several_findings, custom), *e.get(tokenless_findings, tuple(dict.fromkeys(read))))


def _reads_tokens(e: Engine, scope: Scope) -> bool:
    believed = e.get(token_policies, scope.namespace, scope.labels)
    return bool(believed or e.get(origin_policies, scope.namespace, scope.targets))
