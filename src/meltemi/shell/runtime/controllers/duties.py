"""Which of the planned writes are ours to make: the rest is done by Kubernetes' own controllers, where they run.

Place:  shell/runtime · core/node/plan → [duties] → controllers/run
"""

from collections.abc import Iterable

from meltemi.core.node.objects import Action, Put
from meltemi.core.node.settings import KubeSettings


def ours(actions: Iterable[Action], kube: KubeSettings | None) -> tuple[Action, ...]:
    """All of them in a mesh with an embedded store."""
    if kube is None:
        return tuple(actions)
    return tuple(one for one in actions if not (kube.scheduler if _is_binding(one) else kube.controllers))


def _is_binding(action: Action) -> bool:
    """Binding is the one change that controllers make to a pod that is there."""
    return isinstance(action, Put) and (action.key.group, action.key.kind) == ("", "Pod") and bool(action.expected)
