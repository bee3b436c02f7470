"""How a Deployment fares, as its status tells.

Place:  node · deployments → [deployment_status]
API:    apps/v1, message DeploymentStatus
"""

from collections.abc import Sequence
from typing import Any

from meltemi.core.node.availability import Count
from meltemi.core.node.moments import rfc3339
from meltemi.core.node.objects import Tree, condition, meta, status
from meltemi.core.node.replica_sets import replicas_of
from meltemi.core.node.rollout import bounds


def deployment_status(deployment: Tree, *, new: Count, all_: Sequence[Count], name: str, now: float) -> dict[str, Any]:
    """The status. `new`: pods of the ReplicaSet `name`, which has the template as it is now; `all_`: of all of them."""
    wanted = replicas_of(deployment)
    present = sum(c.present for c in all_)
    available = sum(c.available for c in all_)
    told: dict[str, Any] = {
        **status(deployment),
        "observedGeneration": int(meta(deployment).get("generation") or 0),
        "replicas": present,
        "updatedReplicas": new.present,
        "readyReplicas": sum(c.ready for c in all_),
        "availableReplicas": available,
        "unavailableReplicas": max(0, max(wanted, present) - available),
    }
    enough = available >= wanted - bounds(deployment, wanted).unavailable
    done = new.present == wanted == present and new.available == wanted
    told["conditions"] = [
        _condition(deployment, "Available", enough, *_AVAILABLE[enough], now=now),
        _condition(deployment, "Progressing", True, *_progress(done, name), now=now),
    ]
    return told


_AVAILABLE = {
    True: ("MinimumReplicasAvailable", "enough pods are available"),
    False: ("MinimumReplicasUnavailable", "fewer pods are available than there have to be"),
}


def _progress(done: bool, name: str) -> tuple[str, str]:
    if done:
        return "NewReplicaSetAvailable", f"all pods are of ReplicaSet {name!r} and available"
    return "ReplicaSetUpdated", f"ReplicaSet {name!r} is taking over"


def _condition(deployment: Tree, kind: str, holds: bool, reason: str, message: str, *, now: float) -> dict[str, Any]:
    """The condition; its moments stay as long as what they date does."""
    said = "True" if holds else "False"
    old = condition(deployment, kind)
    moved = old.get("status") != said
    told_before = not moved and (old.get("reason"), old.get("message")) == (reason, message)
    return {
        "type": kind,
        "status": said,
        "reason": reason,
        "message": message,
        "lastTransitionTime": rfc3339(now) if moved else old.get("lastTransitionTime"),
        "lastUpdateTime": old.get("lastUpdateTime") if told_before else rfc3339(now),
    }
