"""Which pods count: present, ready, and ready for long enough.

Place:  node · used by replica_sets and deployments
Source: Kubernetes, concepts/workloads/controllers/deployment, "Min Ready Seconds"
"""

from collections.abc import Iterable

from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value
from meltemi.core.node.moments import moment
from meltemi.core.node.objects import Object, Tree, condition, is_deleting, is_finished, is_ready, spec


class Count(Value, frozen=True, kw_only=True):
    """How the pods of one owner fare. Pods that are being deleted or have ended are not counted."""

    present: int = 0
    ready: int = 0
    available: int = 0
    wait: Seconds | None = None
    """After so long another pod becomes available without anything happening; None: none is about to."""


def is_active(pod: Tree) -> bool:
    """The pod is meant to run."""
    return not is_deleting(pod) and not is_finished(pod)


def min_ready_seconds(workload: Tree) -> float:
    """spec.minReadySeconds."""
    return float(spec(workload).get("minReadySeconds") or 0)


def count(pods: Iterable[Object], *, min_ready: float, now: float) -> Count:
    """Count pods. `min_ready`: seconds that a pod must have been ready; `now`: seconds since 1970."""
    active = [pod.tree for pod in pods if is_active(pod.tree)]
    ready = [pod for pod in active if is_ready(pod)]
    missing = [_since(pod) + min_ready - now if min_ready else 0.0 for pod in ready]
    waits = [wait for wait in missing if wait > 0]
    return Count(
        present=len(active),
        ready=len(ready),
        available=len(ready) - len(waits),
        wait=Seconds(min(waits)) if waits else None,
    )


def _since(pod: Tree) -> float:
    return moment(str(condition(pod, "Ready").get("lastTransitionTime") or ""))
