"""What `meltemi get` shows of workloads."""

from typing import Any

import pytest

from meltemi.apps.cli.tables import columns

Tree = dict[str, Any]
GOOD: Tree = {"type": "Complete", "status": "True"}

# fmt: off
CASES: dict[str, tuple[str, str, Tree, dict[str, str]]] = {
    "pod": ("Pod", "", {"spec": {"containers": [{"name": "a"}, {"name": "b"}]},
            "status": {"containerStatuses": [{"name": "a", "ready": True}, {"name": "b", "ready": False}]}},
            {"READY": "1/2"}),
    "pod with a native sidecar": ("Pod", "", {
            "spec": {"containers": [{"name": "a"}],
                     "initContainers": [{"name": "i"}, {"name": "s", "restartPolicy": "Always"}]},
            "status": {"containerStatuses": [{"name": "a", "ready": True}],
                       "initContainerStatuses": [{"name": "i", "ready": True}, {"name": "s", "ready": True}]}},
            {"READY": "2/2"}),
    "statefulset": ("StatefulSet", "apps", {"spec": {"replicas": 3}, "status": {"readyReplicas": 2}}, {"READY": "2/3"}),
    "daemonset": ("DaemonSet", "apps", {"status": {"desiredNumberScheduled": 1, "numberReady": 1}},
                  {"DESIRED": "1", "READY": "1", "UP-TO-DATE": "0"}),
    "job that runs": ("Job", "batch", {"spec": {"completions": 3}, "status": {"succeeded": 1}},
                      {"STATUS": "Running", "COMPLETIONS": "1/3"}),
    "job that ended": ("Job", "batch", {"status": {"succeeded": 1, "conditions": [GOOD]}},
                       {"STATUS": "Complete", "COMPLETIONS": "1/1"}),
    "cronjob": ("CronJob", "batch", {"spec": {"schedule": "@daily"}, "status": {"active": [{}]}},
                {"SCHEDULE": "@daily", "SUSPEND": "False", "ACTIVE": "1", "LAST SCHEDULE": "<none>"}),
}
# fmt: on


@pytest.mark.parametrize(("kind", "group", "tree", "want"), CASES.values(), ids=CASES)
def test_columns(kind: str, group: str, tree: Tree, want: dict[str, str]) -> None:
    shown = {title: cell(tree) for title, cell, _ in columns(kind, group) if title in want}

    assert shown == want
