"""What roles and their bindings say without effect.

Place:  compose/{rbac,authorization} → [view/rbac_findings] → pipeline/findings
"""

from collections.abc import Iterator

from meltemi.core.check.report import ROOT, at, note, on, warning
from meltemi.core.compose.authorization import action_of, authorization_heads
from meltemi.core.compose.inputs import keys
from meltemi.core.compose.rbac import BINDING, GROUP, binding, rbac_config, rbac_configs, role, role_key
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.security.authorization_policy import Action
from meltemi.core.model.security.rbac import RbacMode


def rbac_findings(e: Engine) -> tuple[Finding, ...]:
    """Findings across RbacConfigs, bindings, roles and AuthorizationPolicies."""
    return (*_overruled(e), *_bindings(e), *_replaced(e))


def _overruled(e: Engine) -> Iterator[Finding]:
    for key in e.get(rbac_configs)[1:]:
        message = f"{e.get(rbac_configs)[0]} is in force instead"
        yield on(key, warning("M2937", ROOT, message, "keep one"))


def _is_off(e: Engine) -> bool:
    found = e.get(rbac_config)
    return found is None or found.mode is RbacMode.OFF


def _bindings(e: Engine) -> Iterator[Finding]:
    off = _is_off(e)
    for key in keys(e, GROUP, BINDING):
        named, found = e.get(role_key, key), e.get(binding, key)
        if off:
            tip = "switch roles on by a ClusterRbacConfig 'default', or write AuthorizationPolicies"
            yield on(key, warning("M2937", ROOT, "roles are switched off: this binding has no effect", tip))
        elif named is not None and e.get(role, named) is None:
            path = at(ROOT, "roleRef", "name") if found and found.role_ref else at(ROOT, "role")
            yield on(key, warning("M2936", path, f"{named} is not there: this allows nobody", "write it, or its name"))


def _replaced(e: Engine) -> Iterator[Finding]:
    if _is_off(e):
        return
    for head in e.get(authorization_heads):
        if e.get(action_of, head.key) == (Action.ALLOW, False):
            yield on(head.key, _judges_alone(head.key))


def _judges_alone(key: Key) -> Finding:
    message = f"workloads of {key} are not judged by roles any more"
    return note("M2938", Path("spec"), message, "roles stay in force for all others")
