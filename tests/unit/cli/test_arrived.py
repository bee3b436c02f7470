"""What a workload's status must say for `wait` to end."""

import pytest

from meltemi.apps.cli.arrived import ARRIVED, Tree, lost
from unit.api.test_objects import fresh
from unit.cli.conftest import Run

THREE: Tree = {"replicas": 3}
ON_DELETE: Tree = {**THREE, "updateStrategy": {"type": "OnDelete"}}
PARTITION: Tree = {**THREE, "updateStrategy": {"rollingUpdate": {"partition": 2}}}
DONE: Tree = {"replicas": 3, "readyReplicas": 3, "updatedReplicas": 3, "availableReplicas": 3}
DAEMON: Tree = {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2}


def conditions(**said: str) -> Tree:
    return {"conditions": [{"type": name, "status": value} for name, value in said.items()]}


# fmt: off
CASES: dict[str, tuple[str, Tree, Tree, bool]] = {
    "pod":                      ("Pod", {}, conditions(Ready="True"), True),
    "pod that starts":          ("Pod", {}, conditions(Ready="False"), False),
    "deployment":               ("Deployment", THREE, DONE, True),
    "deployment, old pods":     ("Deployment", THREE, {**DONE, "replicas": 4}, False),
    "one by default":           ("Deployment", {}, {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}, True),
    "replica set":              ("ReplicaSet", THREE, DONE, True),
    "replica set that grows":   ("ReplicaSet", THREE, {**DONE, "availableReplicas": 2}, False),
    "stateful set":             ("StatefulSet", THREE, DONE, True),
    "stateful set, not ready":  ("StatefulSet", THREE, {**DONE, "readyReplicas": 2}, False),
    "stateful set, old":        ("StatefulSet", THREE, {**DONE, "updatedReplicas": 2}, False),
    "stateful set, partition":  ("StatefulSet", PARTITION, {**DONE, "updatedReplicas": 1}, True),
    "beyond the partition":     ("StatefulSet", PARTITION, {**DONE, "updatedReplicas": 0}, False),
    "stateful set, by hand":    ("StatefulSet", ON_DELETE, {**DONE, "updatedReplicas": 0}, True),
    "daemon set":               ("DaemonSet", {}, DAEMON, True),
    "daemon set, old pod":      ("DaemonSet", {}, {**DAEMON, "updatedNumberScheduled": 1}, False),
    "job":                      ("Job", {}, conditions(Complete="True"), True),
    "job that runs":            ("Job", {}, {"active": 1}, False),
}
# fmt: on


@pytest.mark.parametrize(("kind", "spec", "status", "want"), CASES.values(), ids=CASES)
def test_arrived(kind: str, spec: Tree, status: Tree, *, want: bool) -> None:
    tree: Tree = {"kind": kind, "metadata": {"generation": 2}, "spec": spec, "status": status}

    seen: Tree = {**tree, "status": {**status, "observedGeneration": 2}}
    assert ARRIVED[kind](seen) == want
    unseen: Tree = {**tree, "status": {**status, "observedGeneration": 1}}
    assert ARRIVED[kind](unseen) == (want and kind in ("Pod", "Job"))


def test_a_job_that_failed_is_not_waited_for() -> None:
    failed = [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "too often"}]

    assert lost({"kind": "Job", "status": {"conditions": failed}}) == "failed: BackoffLimitExceeded too often"
    assert lost({"kind": "Job", "status": {"active": 1}}) == ""
    assert lost({"kind": "Pod"}) == ""


STATEFUL = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: {name}}}
spec:
  selector: {{matchLabels: {{app: a}}}}
  template:
    metadata: {{labels: {{app: a}}}}
    spec: {{containers: [{{name: c, image: i}}]}}
"""


def test_by_default_a_workload_is_waited_for_until_it_is_there(run: Run) -> None:
    """Nobody brings it to life here: the proxies' acknowledgement would come."""
    name = fresh()
    assert run("apply", "-f", "-", text=STATEFUL.format(name=name)).exit_code == 0

    late = run("wait", "statefulset", name, "--timeout", "200ms")
    assert late.exit_code == 1
    assert "not in time" in late.stderr
    assert run("wait", "statefulset", name, "--for", "acknowledged", "--timeout", "5s").exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cronjob/tidy",), "wait for one of its Jobs"),
        (("virtualservice/web", "--for", "ready"), "known: Pod, Deployment"),
    ],
)
def test_what_nobody_can_wait_for(run: Run, words: tuple[str, ...], said: str) -> None:
    done = run("wait", *words)

    assert done.exit_code == 2
    assert said in done.stderr
