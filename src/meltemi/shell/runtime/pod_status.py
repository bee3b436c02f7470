"""What a Pod's status says, from what its sandbox says.

Place:  shell/runtime · kubelet → [pod_status] → store
Source: Kubernetes, "Pod Lifecycle", phases and conditions.
"""

from datetime import UTC, datetime
from typing import Any

Tree = dict[str, Any]


def pod_status(pod: Tree, said: Tree, address: str, host: str) -> Tree:
    """The Pod's status from what its sandbox says.

    Source: Kubernetes, "Pod Lifecycle", phases and conditions.
    """
    containers: list[Tree] = said["containerStatuses"]
    old: Tree = pod.get("status") or {}
    first: list[Tree] = said.get("initContainerStatuses", [])
    beside = _sidecars(pod)
    serving = [*containers, *(one for one in first if one["name"] in beside)]
    ready = bool(containers) and all(one["ready"] for one in serving) and said["initialized"]
    codes = [one["state"]["terminated"]["exitCode"] for one in containers if "terminated" in one["state"]]
    restart: str = pod["spec"].get("restartPolicy", "Always")
    ended = restart != "Always" and len(codes) == len(containers)
    ends = [code for one, code in zip(first, said["exitCodes"], strict=False) if one["name"] not in beside]
    failed_init = restart == "Never" and any(ends)
    if ended or failed_init:
        phase = "Failed" if failed_init or any(codes) else "Succeeded"
    else:
        phase = "Running" if any("running" in one["state"] or one["restartCount"] for one in containers) else "Pending"
    return {
        "phase": phase,
        "podIP": address,
        "podIPs": [{"ip": address}] if address else [],
        "hostIP": host,
        "startTime": old.get("startTime") or _stamp(),
        "initContainerStatuses": first,
        "containerStatuses": containers,
        "conditions": [
            _condition("PodScheduled", True),
            _condition("Initialized", said["initialized"]),
            _condition("ContainersReady", ready),
            _condition("Ready", ready),
        ],
    }


def _sidecars(pod: Tree) -> frozenset[str]:
    """Names of the init containers that go on beside the others."""
    listed: list[Tree] = pod["spec"].get("initContainers") or []
    return frozenset(one["name"] for one in listed if one.get("restartPolicy") == "Always")


def killed(container: Tree) -> Tree:
    """The status of a container that ended with its sandbox."""
    if "terminated" in container["state"]:
        return container
    running: Tree = container["state"].get("running") or {}
    end: Tree = {"exitCode": 137, "reason": "Error", "startedAt": running.get("startedAt"), "finishedAt": _stamp()}
    return {**container, "ready": False, "started": False, "state": {"terminated": end}}


def _condition(kind: str, holds: bool) -> Tree:
    return {"type": kind, "status": "True" if holds else "False"}


def merged_status(old: Tree, new: Tree) -> Tree:
    """Conditions keep the time of their last change."""
    before = {one["type"]: one for one in old.get("conditions") or ()}
    for condition in new["conditions"]:
        same = before.get(condition["type"], {}).get("status") == condition["status"]
        condition["lastTransitionTime"] = before[condition["type"]].get("lastTransitionTime") if same else _stamp()
    ours = {condition["type"] for condition in new["conditions"]}
    others = [one for kind, one in before.items() if kind not in ours]
    return {**old, **new, "conditions": [*new["conditions"], *others]}


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
