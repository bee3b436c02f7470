"""Objects as rows of a table, with kubectl's columns.

Place:  apps/cli · objects of the API → [tables] → get, status
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Tree = dict[str, Any]
Column = tuple[str, Callable[[Tree], str], bool]
"""Head, the cell of an object, and whether it is shown with `-o wide` only."""

_STEPS = ((86400 * 2, 86400, "d"), (7200, 3600, "h"), (120, 60, "m"), (0, 1, "s"))


def columns(kind: str, group: str) -> list[Column]:
    """The columns of a kind, name first, age before what `wide` adds."""
    own = _COLUMNS.get((group, kind), [])
    narrow = [column for column in own if not column[2]]
    wide = [column for column in own if column[2]]
    return [("NAME", _name, False), *narrow, ("AGE", age, False), *wide]


def age(one: Tree) -> str:
    """How long an object exists: `5s`, `3m`, `7h`, `2d`."""
    made = one["metadata"].get("creationTimestamp")
    if not made:
        return "<unknown>"
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(made)).total_seconds())
    return next(f"{max(0, seconds) // unit}{letter}" for least, unit, letter in _STEPS if seconds >= least or not least)


def ready(pod: Tree) -> str:
    """Ready containers of all, native sidecars among them: `2/2`."""
    beside = {one["name"] for one in items(_spec(pod), "initContainers") if one.get("restartPolicy") == "Always"}
    sidecars = [one for one in items(_status(pod), "initContainerStatuses") if one.get("name") in beside]
    good = sum(bool(one.get("ready")) for one in (*_statuses(pod), *sidecars))
    return f"{good}/{len(items(_spec(pod), 'containers')) + len(beside)}"


def restarts(pod: Tree) -> str:
    """How often containers were started again."""
    return str(sum(int(one.get("restartCount") or 0) for one in _statuses(pod)))


def pod_status(pod: Tree) -> str:
    """The phase, or why it is not what it should be."""
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    status = _status(pod)
    for one in items(status, "initContainerStatuses") + _statuses(pod):
        waiting = part(part(one, "state"), "waiting")
        if waiting.get("reason"):
            return waiting["reason"]
    return status.get("reason") or status.get("phase") or "Pending"


def _name(one: Tree) -> str:
    return one["metadata"]["name"]


def _status(one: Tree) -> Tree:
    return part(one, "status")


def _spec(one: Tree) -> Tree:
    return part(one, "spec")


def part(one: Tree, name: str) -> Tree:
    """A mapping inside an object; empty where it is missing or null."""
    return one.get(name) or dict[str, Any]()


def items(one: Tree, name: str) -> list[Tree]:
    """A list of an object; empty where it is missing or null."""
    return one.get(name) or list[Tree]()


def _statuses(pod: Tree) -> list[Tree]:
    return items(_status(pod), "containerStatuses")


def _field(*path: str, otherwise: str = "<none>") -> Callable[[Tree], str]:
    """A column that is a field; lists are joined, maps written as selectors."""

    def cell(one: Tree) -> str:
        found: Any = one
        for name in path:
            found = found.get(name) if found else None
        return _text(found) or otherwise

    return cell


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case list():
            return ",".join(str(one) for one in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case dict():
            return ",".join(f"{k}={v}" for k, v in value.items())  # pyright: ignore[reportUnknownVariableType]
        case _:
            return str(value)


def _ports(service: Tree) -> str:
    ports = items(_spec(service), "ports")
    return ",".join(f"{one.get('port')}/{one.get('protocol', 'TCP')}" for one in ports) or "<none>"


def _replicas(deployment: Tree) -> str:
    return f"{_status(deployment).get('readyReplicas') or 0}/{_spec(deployment).get('replicas', 1)}"


def _verdict(job: Tree) -> str:
    """How a Job ended, or that it runs."""
    ends = [str(one["type"]) for one in items(_status(job), "conditions") if one.get("status") == "True"]
    return next((one for one in ends if one in ("Complete", "Failed")), "Running")


def _containers(one: Tree, field: str) -> str:
    return ",".join(str(c.get(field)) for c in items(_spec(part(_spec(one), "template")), "containers"))


_COLUMNS: dict[tuple[str, str], list[Column]] = {
    ("", "Pod"): [
        ("READY", ready, False),
        ("STATUS", pod_status, False),
        ("RESTARTS", restarts, False),
        ("IP", _field("status", "podIP"), True),
        ("NODE", _field("spec", "nodeName"), True),
    ],
    ("", "Service"): [
        ("TYPE", _field("spec", "type", otherwise="ClusterIP"), False),
        ("CLUSTER-IP", _field("spec", "clusterIP"), False),
        ("PORT(S)", _ports, False),
        ("SELECTOR", _field("spec", "selector"), True),
    ],
    ("", "Namespace"): [("STATUS", _field("status", "phase", otherwise="Active"), False)],
    ("", "ConfigMap"): [("DATA", lambda one: str(len(part(one, "data"))), False)],
    ("", "Secret"): [
        ("TYPE", _field("type", otherwise="Opaque"), False),
        ("DATA", lambda one: str(len(part(one, "data"))), False),
    ],
    ("apps", "Deployment"): [
        ("READY", _replicas, False),
        ("UP-TO-DATE", _field("status", "updatedReplicas", otherwise="0"), False),
        ("AVAILABLE", _field("status", "availableReplicas", otherwise="0"), False),
        ("CONTAINERS", lambda one: _containers(one, "name"), True),
        ("IMAGES", lambda one: _containers(one, "image"), True),
    ],
    ("apps", "ReplicaSet"): [
        ("DESIRED", _field("spec", "replicas", otherwise="1"), False),
        ("CURRENT", _field("status", "replicas", otherwise="0"), False),
        ("READY", _field("status", "readyReplicas", otherwise="0"), False),
    ],
    ("apps", "StatefulSet"): [("READY", _replicas, False)],
    ("apps", "DaemonSet"): [
        ("DESIRED", _field("status", "desiredNumberScheduled", otherwise="0"), False),
        ("READY", _field("status", "numberReady", otherwise="0"), False),
        ("UP-TO-DATE", _field("status", "updatedNumberScheduled", otherwise="0"), False),
    ],
    ("batch", "Job"): [
        ("STATUS", _verdict, False),
        ("COMPLETIONS", lambda one: f"{_status(one).get('succeeded') or 0}/{_spec(one).get('completions', 1)}", False),
    ],
    ("batch", "CronJob"): [
        ("SCHEDULE", _field("spec", "schedule"), False),
        ("SUSPEND", lambda one: str(bool(_spec(one).get("suspend"))), False),
        ("ACTIVE", lambda one: str(len(items(_status(one), "active"))), False),
        ("LAST SCHEDULE", _field("status", "lastScheduleTime"), False),
    ],
    ("networking.istio.io", "VirtualService"): [
        ("GATEWAYS", _field("spec", "gateways", otherwise=""), False),
        ("HOSTS", _field("spec", "hosts"), False),
    ],
    ("networking.istio.io", "DestinationRule"): [("HOST", _field("spec", "host"), False)],
    ("networking.istio.io", "Gateway"): [("SELECTOR", _field("spec", "selector"), True)],
    ("networking.istio.io", "ServiceEntry"): [
        ("HOSTS", _field("spec", "hosts"), False),
        ("LOCATION", _field("spec", "location", otherwise="MESH_EXTERNAL"), False),
        ("RESOLUTION", _field("spec", "resolution", otherwise="NONE"), False),
    ],
}
