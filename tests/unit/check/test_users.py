"""check/users: who cannot be anybody else is told so, at the field."""

import pytest

from meltemi.core.check.users import unheld_users

POD = {
    "securityContext": {"runAsUser": 1000, "fsGroup": 2000},
    "initContainers": [{"name": "i", "securityContext": {"runAsUser": 0}}],
    "containers": [{"name": "c", "securityContext": {"runAsGroup": 3000}}, {"name": "d"}],
}
FIELDS = ("securityContext.runAsUser", "securityContext.fsGroup", "containers[0].securityContext.runAsGroup")


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        ({"kind": "Pod", "spec": POD}, "spec"),
        ({"kind": "StatefulSet", "spec": {"template": {"spec": POD}}}, "spec.template.spec"),
        (
            {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": POD}}}}},
            "spec.jobTemplate.spec.template.spec",
        ),
    ],
    ids=["Pod", "StatefulSet", "CronJob"],
)
def test_each_user_that_cannot_be_is_told(tree: dict[str, object], path: str) -> None:
    found = unheld_users(tree)

    assert {str(one.path) for one in found} == {f"{path}.{field}" for field in FIELDS}
    assert {one.code for one in found} == {"M2803"}


@pytest.mark.parametrize(
    "tree",
    [
        {"kind": "Pod", "metadata": {"ownerReferences": [{"kind": "ReplicaSet"}]}, "spec": POD},
        {"kind": "Service", "spec": {"ports": []}},
        {"kind": "Deployment", "spec": None},
        {"kind": "Pod", "spec": {"containers": "none"}},
    ],
)
def test_who_asks_for_nobody_hears_nothing(tree: dict[str, object]) -> None:
    assert unheld_users(tree) == ()
