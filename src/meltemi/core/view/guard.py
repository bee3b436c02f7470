"""All that decides who reaches a workload, in the order in which it is asked.

Place:  compose/{authorization,authentication,rbac}, view/{authorization,authorizer,origins,strict,tokens}
        → [view/guard] → explain/{decide,tokens}

Envoy is given the same settled rules, by pipeline/{extensions,authorizers}.
"""

from collections.abc import Iterator

from meltemi.core.compose.authentication import origin_policies, workload_modes
from meltemi.core.compose.authorization import Applied, policies_of
from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.peer_authentication import PeerModes
from meltemi.core.compose.rbac import Granted, roles_of, served_of
from meltemi.core.compose.request_authentication import token_policies
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key
from meltemi.core.model.proxy import Role, Scope
from meltemi.core.model.security.authorization_policy import Action
from meltemi.core.model.value import Value
from meltemi.core.view.authorization import Policy, granted_policies, policies
from meltemi.core.view.authorizer import Asking, asking
from meltemi.core.view.http_settings import http_settings
from meltemi.core.view.origins import AskedTokens, asked_tokens
from meltemi.core.view.strict import Demand, demand
from meltemi.core.view.tokens import Tokens, tokens


class Statement(Value, frozen=True, kw_only=True):
    """One AuthorizationPolicy in force, or all roles together."""

    key: Key
    action: Action
    tried: bool
    """It decides nothing: what it would decide is counted."""
    rules: tuple[Policy, ...]
    """For requests."""
    of_bytes: tuple[Policy, ...]
    """For connections of bytes."""


class Guard(Value, frozen=True, kw_only=True):
    """What stands before one workload."""

    trust_domain: str
    modes: PeerModes | None
    """None: a gateway, whose callers are no workloads."""
    demand: Demand
    tokens: Tokens
    older: tuple[tuple[int, AskedTokens], ...] = ()
    """The tokens that authentication Policies ask for, by ports; the last one is for all others."""
    asking: Asking
    """Of CUSTOM."""
    merges_slashes: bool
    """Of several slashes in a row, rules see one."""
    statements: tuple[Statement, ...]
    """In order: CUSTOM, AUDIT, DENY, ALLOW."""


def guard(e: Engine, scope: Scope) -> Guard:
    """What stands before the workloads of a scope."""
    found = e.get(policies_of, scope.namespace, scope.labels)
    sidecar = scope.role is Role.SIDECAR
    modes = e.get(workload_modes, scope.namespace, scope.labels, scope.targets) if sidecar else None
    by_action = (
        (Action.CUSTOM, found.custom),
        (Action.AUDIT, found.audit),
        (Action.DENY, found.deny),
        (Action.ALLOW, found.allow),
    )
    return Guard(
        trust_domain=mesh(e).trust_domain,
        modes=modes,
        demand=e.get(demand, modes) if modes else Demand(),
        tokens=e.get(tokens, e.get(token_policies, scope.namespace, scope.labels)),
        older=tuple(
            (port, e.get(asked_tokens, some)) for port, some in e.get(origin_policies, scope.namespace, scope.targets)
        ),
        asking=e.get(asking, found.custom) if found.custom else Asking(),
        merges_slashes=http_settings(mesh(e), scope.own, gateway=modes is None).merge_slashes,
        statements=(
            *(_statement(e, action, one) for action, some in by_action for one in some),
            *(_roles(e, scope) if sidecar and found.judges_by_roles else ()),
        ),
    )


def _roles(e: Engine, scope: Scope) -> Iterator[Statement]:
    """What roles allow, under the name of what switches them on."""
    roles = e.get(roles_of, served_of(e, scope))
    if roles is None:
        return
    for tried, granted in ((False, roles.enforced), (True, roles.tried)):
        if granted is not None:
            yield _of_roles(e, roles.origin[0].key, tried, granted)


def _of_roles(e: Engine, switch: Key, tried: bool, granted: tuple[Granted, ...]) -> Statement:
    return Statement(
        key=switch,
        action=Action.ALLOW,
        tried=tried,
        rules=granted_policies(e, granted, False),
        of_bytes=granted_policies(e, granted, True),
    )


def _statement(e: Engine, action: Action, applied: Applied) -> Statement:
    return Statement(
        key=applied.key,
        action=action,
        tried=applied.tried,
        rules=e.get(policies, applied.key, False),
        of_bytes=e.get(policies, applied.key, True),
    )
