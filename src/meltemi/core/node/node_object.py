"""The Node object of this machine and the Lease by which a cluster knows that it lives.

Place:  node · settings, the machine's facts → [node_object] → shell/runtime/registration, which applies them
Source: Kubernetes API reference, Node v1, Lease v1; "Node Status", heartbeats.
"""

from typing import Any

from meltemi.core.model.value import Value
from meltemi.core.node.settings import NodeSettings

Tree = dict[str, Any]

LEASE_SECONDS = 40
"""After which a Lease that is not renewed says that the node is gone."""
ROOM = {"cpu": "1k", "memory": "16Ti", "ephemeral-storage": "16Ti", "pods": "5000"}
"""What the scheduler may give away. Requests are not counted here: pods share the machine as programs do."""


class Facts(Value, frozen=True, kw_only=True):
    """What the machine says of itself."""

    architecture: str
    """As Go calls it: `amd64`."""
    kernel: str
    os_image: str
    machine_id: str
    boot_id: str
    version: str
    """Of Meltemi."""
    kubernetes: str = "v1.33.0"
    """The version of the kubelet's duties that are done here."""


def node_object(settings: NodeSettings) -> Tree:
    """Name and labels."""
    labels = {"kubernetes.io/hostname": settings.node_name, "kubernetes.io/os": "linux"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": settings.node_name, "labels": labels},
    }


def node_status(settings: NodeSettings, facts: Facts, *, now: str, since: str) -> Tree:
    """The status to apply. `now`, `since` (it became ready): RFC 3339."""
    kubelet = settings.kube.kubelet_port if settings.kube else 0
    times = {"lastHeartbeatTime": now, "lastTransitionTime": since}
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "the node's process runs", **times}
    fine = (
        {"type": name, "status": "False", "reason": f"KubeletHasNo{name}", "message": "not looked at here", **times}
        for name in ("MemoryPressure", "DiskPressure", "PIDPressure")
    )
    status: Tree = {
        "capacity": ROOM,
        "allocatable": ROOM,
        "conditions": [ready, *fine],
        "addresses": [
            {"type": "InternalIP", "address": settings.node_ip},
            {"type": "Hostname", "address": settings.node_name},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet}},
        "nodeInfo": {
            "architecture": facts.architecture,
            "bootID": facts.boot_id,
            "containerRuntimeVersion": f"meltemi://{facts.version}",
            "kernelVersion": facts.kernel,
            "kubeProxyVersion": "",
            "kubeletVersion": facts.kubernetes,
            "machineID": facts.machine_id,
            "operatingSystem": "linux",
            "osImage": facts.os_image,
            "systemUUID": facts.machine_id,
        },
    }
    return node_object(settings) | {"status": status}


def lease(settings: NodeSettings, *, now: str) -> Tree:
    """The Lease. `now`: RFC 3339 with microseconds."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": settings.node_name, "namespace": "kube-node-lease"},
        "spec": {"holderIdentity": settings.node_name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": now},
    }
