"""Which AuthorizationPolicies are in force for a workload, by what they do.

Place:  model/security → [compose/authorization] → view/{authorization,authorizer}, pipeline/{scope,extensions}
Source: Istio, "Authorization Policy": those of the root namespace and of the workload's own, all together
"""

from meltemi.core.compose.attachments import Attached, Labels, attached, head_of, labels_asked
from meltemi.core.compose.inputs import keys, read_as
from meltemi.core.compose.mesh import mesh
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.security.authorization_policy import Action, AuthorizationPolicy
from meltemi.core.model.value import Value

GROUP = "security.istio.io"
KIND = "AuthorizationPolicy"
DRY_RUN = "istio.io/dry-run"
_TRUE = ("1", "t", "T", "TRUE", "true", "True")


class Applied(Value, frozen=True, kw_only=True):
    """One policy in force for a workload."""

    key: Key
    tried: bool = False
    """It decides nothing: what it would decide is counted."""


class Policies(Value, frozen=True, kw_only=True):
    """The policies for one workload, in the order in which they are asked."""

    custom: tuple[Applied, ...] = ()
    audit: tuple[Applied, ...] = ()
    deny: tuple[Applied, ...] = ()
    allow: tuple[Applied, ...] = ()

    @property
    def every(self) -> tuple[Applied, ...]:
        return (*self.custom, *self.audit, *self.deny, *self.allow)

    @property
    def judges_by_roles(self) -> bool:
        """Whether roles of rbac.istio.io count beside them: not where one allows (Istio 1.4 had no others)."""
        return all(one.tried for one in self.allow)


NO_POLICIES = Policies()


def origins(policies: tuple[Applied, ...]) -> tuple[Origin, ...]:
    """The documents that they come from."""
    return tuple(Origin(key=one.key) for one in policies)


def authorization_policy(e: Engine, key: Key) -> AuthorizationPolicy | None:
    """The content of one AuthorizationPolicy."""
    found = read_as(e, key, AuthorizationPolicy)
    return found.spec if found else None


def authorization_head(e: Engine, key: Key) -> Attached | None:
    """Where one AuthorizationPolicy holds."""
    found = read_as(e, key, AuthorizationPolicy)
    return head_of(found) if found else None


def authorization_heads(e: Engine) -> tuple[Attached, ...]:
    """All AuthorizationPolicies, the oldest first."""
    found = (e.get(authorization_head, key) for key in keys(e, GROUP, KIND))
    return tuple(sorted((h for h in found if h is not None), key=lambda h: h.order))


def authorization_labels(e: Engine) -> frozenset[str]:
    """Labels of workloads that some AuthorizationPolicy asks for."""
    return labels_asked(e.get(authorization_heads))


def action_of(e: Engine, key: Key) -> tuple[Action, bool] | None:
    """(what a policy does, whether it is only tried)."""
    found = read_as(e, key, AuthorizationPolicy)
    if found is None:
        return None
    tried = dict(found.meta.annotations).get(DRY_RUN) in _TRUE and found.spec.action is not Action.AUDIT
    return found.spec.action, tried


def policies_of(e: Engine, namespace: str, labels: Labels) -> Policies:
    """What is in force for a workload. `labels`: all of its labels, or those that `authorization_labels` names."""
    found: dict[Action, list[Applied]] = {action: [] for action in Action}
    for key in attached(e.get(authorization_heads), namespace, labels, mesh(e).root_namespace):
        said = e.get(action_of, key)
        if said is not None and said != (Action.CUSTOM, True):  # a provider cannot be tried
            found[said[0]].append(Applied(key=key, tried=said[1]))
    return Policies(
        custom=tuple(found[Action.CUSTOM]),
        audit=tuple(found[Action.AUDIT]),
        deny=tuple(found[Action.DENY]),
        allow=tuple(found[Action.ALLOW]),
    )
