"""What CUSTOM policies have to say, those of each workload together.

Place:  view/authorization_findings, pipeline/proxies → [pipeline/authorization_findings] → pipeline/{findings,compile}
"""

from meltemi.core.compose.authorization import policies_of
from meltemi.core.engine.engine import Engine
from meltemi.core.model.finding import Finding
from meltemi.core.model.proxy import Scope
from meltemi.core.pipeline.proxies import pod_scopes
from meltemi.core.view.authorization_findings import asks_anybody, provider_findings, several_findings


def authorization_findings(e: Engine) -> tuple[Finding, ...]:
    """Of all CUSTOM policies, over the proxies of all pods."""
    scopes = e.get(pod_scopes) if e.get(asks_anybody) else ()
    return (*e.get(provider_findings), *together_findings(e, scopes))


def together_findings(e: Engine, scopes: tuple[Scope, ...]) -> tuple[Finding, ...]:
    """Of the CUSTOM policies of these scopes, those that name several providers."""
    applied = (e.get(policies_of, scope.namespace, scope.labels).custom for scope in scopes)
    return e.get(several_findings, tuple(dict.fromkeys(one for one in applied if one)))
