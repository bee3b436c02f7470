"""Limits that nobody holds a container to are said."""

from typing import Any

import pytest

from meltemi.core.check.limits import unheld_limits

LIMITS: dict[str, Any] = {"cpu": 1, "memory": "1Gi"}
DISK: dict[str, Any] = {"ephemeral-storage": "1Gi"}
TEMPLATE = "spec.template.spec.containers[0].resources.limits"


def pod(limits: dict[str, Any], name: str = "c") -> dict[str, Any]:
    return {"kind": "Pod", "spec": {"containers": [{"name": name, "resources": {"limits": limits}}]}}


@pytest.mark.parametrize(
    ("tree", "allowed", "want"),
    [
        (pod(LIMITS), True, []),
        (pod(LIMITS), False, ["spec.containers[0].resources.limits"]),
        (pod({}), False, []),
        (pod(DISK), True, ["spec.containers[0].resources.limits.ephemeral-storage"]),
        (pod(LIMITS, "istio-proxy"), False, []),
        ({"kind": "Deployment", "spec": {"template": pod(LIMITS)}}, False, [TEMPLATE]),
        ({**pod(LIMITS), "metadata": {"ownerReferences": [{"kind": "Job"}]}}, False, []),
        ({"kind": "Service", "spec": {"ports": []}}, False, []),
        ({"kind": "Pod", "spec": {"containers": ["odd"]}}, False, []),
    ],
)
def test_limits(tree: dict[str, Any], *, allowed: bool, want: list[str]) -> None:
    assert [f"{one.path}" for one in unheld_limits(tree, allowed=allowed)] == want
