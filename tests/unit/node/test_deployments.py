"""A Deployment has one ReplicaSet for each template that it ever had."""

from typing import Any

from meltemi.core.node.deployments import deployment_actions, new_name, new_replica_set
from meltemi.core.node.objects import Action, Delete, Object, Put, merged
from unit.node.objects import NOW, deployment, pod, replica_set, stored

REVISION = "deployment.kubernetes.io/revision"


def actions(of: Object, sets: list[Object] | None = None, pods: list[Object] | None = None) -> list[Action]:
    return list(deployment_actions(of, sets or [], pods or [], now=NOW))


def written(done: list[Action], kind: str) -> list[dict[str, Any]]:
    return [dict(a.tree) for a in done if isinstance(a, Put) and a.key.kind == kind]


def test_the_first_replica_set() -> None:
    (made,) = written(actions(deployment()), "ReplicaSet")
    mark = made["metadata"]["name"].removeprefix("web-")

    assert made["spec"]["replicas"] == 2
    assert made["spec"]["selector"] == {"matchLabels": {"app": "web", "pod-template-hash": mark}}
    assert made["spec"]["template"]["metadata"]["labels"] == {"app": "web", "pod-template-hash": mark}
    assert made["metadata"]["annotations"][REVISION] == "1"


def test_an_old_version_without_selector_has_the_labels_of_its_template() -> None:
    old = deployment(selector=None)

    (made,) = written(actions(old), "ReplicaSet")

    assert made["spec"]["selector"]["matchLabels"]["app"] == "web"


def test_a_new_template_is_a_new_revision() -> None:
    (made,) = written(actions(deployment("two"), [replica_set("web-old", 2)], [pod("a"), pod("b")]), "ReplicaSet")

    assert made["metadata"]["annotations"][REVISION] == "2"


def test_going_back_takes_the_old_replica_set_again() -> None:
    back = deployment()
    first = replica_set(new_name(back), 0, revision=1)

    (changed,) = [
        tree
        for tree in written(actions(back, [first, replica_set("web-two", 2, revision=2)]), "ReplicaSet")
        if tree["metadata"]["name"] == new_name(back)
    ]

    assert changed["metadata"]["annotations"][REVISION] == "3"
    assert changed["spec"]["replicas"] == 1


def test_nothing_is_written_twice() -> None:
    live = deployment()
    rs = replica_set(new_name(live), 2)
    pods = [pod("a", owner=new_name(live)), pod("b", owner=new_name(live))]
    (tree,) = written(actions(live, [rs], pods), "Deployment")

    assert actions(stored("Deployment", "web", tree, group="apps"), [rs], pods) == []


def test_status() -> None:
    live = deployment()
    rs = replica_set(new_name(live), 2)
    pods = [pod("a", owner=new_name(live)), pod("b", owner=new_name(live), ready=False)]

    (tree,) = written(actions(live, [rs], pods), "Deployment")

    counted = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas")
    assert [tree["status"][name] for name in counted] == [2, 2, 1, 1, 1]
    assert [c["status"] for c in tree["status"]["conditions"] if c["type"] == "Available"] == ["False"]


def test_old_replica_sets_are_forgotten_beyond_the_limit() -> None:
    live = deployment(revisionHistoryLimit=1)
    rs = replica_set(new_name(live), 2, revision=4)
    old = [replica_set(f"web-{n}", 0, revision=n) for n in (1, 2, 3)]
    pods = [pod("a", owner=new_name(live)), pod("b", owner=new_name(live))]

    gone = [a.key.name for a in actions(live, [rs, *old], pods) if isinstance(a, Delete)]

    assert gone == ["web-1", "web-2"]


def test_a_paused_deployment_stays_as_it_is() -> None:
    assert written(actions(deployment("two", paused=True), [replica_set("web-old", 2)]), "ReplicaSet") == []


def test_the_name_follows_from_the_template_alone() -> None:
    scaled = deployment(replicas=5)

    assert new_name(scaled) == new_name(deployment())
    assert new_name(deployment("two")) != new_name(deployment())


def test_annotations_are_passed_on_but_not_what_was_applied() -> None:
    live = deployment()
    notes = {"team": "a", "kubectl.kubernetes.io/last-applied-configuration": "…"}
    noted = Object(key=live.key, revision=7, tree=merged(live.tree, "metadata", "annotations", value=notes))

    made = new_replica_set(noted, replicas=1, revision=3)

    assert made.tree["metadata"]["annotations"] == {"team": "a", REVISION: "3"}
