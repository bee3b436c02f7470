"""A StatefulSet's pods have names of their own, and come, go and change one after the other."""

from typing import Any

import pytest

from unit.node.world import World

LABELS = {"app": "db"}


def spec(image: str = "one", **more: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "c", "image": image}]}}
    return {"replicas": 3, "serviceName": "db", "selector": {"matchLabels": LABELS}, "template": template, **more}


def images(world: World) -> list[str]:
    return [pod.tree["spec"]["containers"][0]["image"] for pod in world.pods()]


@pytest.fixture
def world() -> World:
    world = World()
    world.put("StatefulSet", "db", spec())
    return world


def test_a_pod_waits_for_the_one_before(world: World) -> None:
    assert world.settle(ready=False) == ["+db-0"]
    world.ready("db-0")
    assert world.settle(ready=False) == ["+db-1"]
    world.ready("db-1")
    assert world.settle(ready=False) == ["+db-2"]


def test_a_pod_has_a_name_below_the_service(world: World) -> None:
    world.settle()
    pod = world.pods()[1].tree

    assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == ("db-1", "db")
    assert pod["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] == "db-1"
    assert pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"] == "1"


def test_parallel_pods_come_at_once(world: World) -> None:
    world.put("StatefulSet", "db", spec(podManagementPolicy="Parallel"))
    assert world.step() == ["+db-0", "+db-1", "+db-2"]


def test_a_pod_that_is_gone_comes_again_under_its_name(world: World) -> None:
    world.settle()
    world.end("db-1", "Failed")
    assert world.settle() == ["-db-1", "+db-1"]


def test_the_last_pods_go_first_one_at_a_time(world: World) -> None:
    world.settle()
    world.put("StatefulSet", "db", spec(replicas=1))
    assert world.step() == ["-db-2"]
    assert world.step() == []
    world.leave()
    assert world.settle() == ["-db-1"]


def test_a_new_template_is_rolled_out_from_the_last_pod_on(world: World) -> None:
    world.settle()
    world.put("StatefulSet", "db", spec("two"))
    assert world.settle() == ["-db-2", "+db-2", "-db-1", "+db-1", "-db-0", "+db-0"]
    assert images(world) == ["two"] * 3
    told = world.get("StatefulSet", "db")["status"]
    assert told["currentRevision"] == told["updateRevision"]


def test_an_update_waits_for_each_pod(world: World) -> None:
    world.settle()
    world.put("StatefulSet", "db", spec("two"))
    assert world.settle(ready=False) == ["-db-2", "+db-2"]
    assert images(world) == ["one", "one", "two"]


def test_pods_below_the_partition_stay_also_when_they_are_made_again(world: World) -> None:
    world.settle()
    world.put("StatefulSet", "db", spec("two", updateStrategy={"rollingUpdate": {"partition": 2}}))
    assert world.settle() == ["-db-2", "+db-2"]
    world.end("db-0", "Failed")
    assert world.settle() == ["-db-0", "+db-0"]
    assert images(world) == ["one", "one", "two"]
    world.put("StatefulSet", "db", spec("two"))
    world.settle()
    assert images(world) == ["two"] * 3


def test_on_delete_nothing_is_replaced_by_itself(world: World) -> None:
    world.settle()
    world.put("StatefulSet", "db", spec("two", updateStrategy={"type": "OnDelete"}))
    assert world.settle() == []
    world.end("db-1", "Failed")
    world.settle()
    assert images(world) == ["one", "two", "one"]


def test_old_revisions_are_forgotten(world: World) -> None:
    for number in range(5):
        world.put("StatefulSet", "db", spec(f"image-{number}", revisionHistoryLimit=2))
        world.settle()
    assert len(world.has("ControllerRevision")) == 3


def test_a_claim_is_an_empty_directory(world: World) -> None:
    world.put("StatefulSet", "db", spec(volumeClaimTemplates=[{"metadata": {"name": "data"}}]))
    world.settle()
    assert world.pods()[0].tree["spec"]["volumes"] == [{"name": "data", "emptyDir": {}}]


def test_numbers_may_start_elsewhere(world: World) -> None:
    world.put("StatefulSet", "db", spec(ordinals={"start": 5}))
    world.settle()
    assert world.names() == ["db-5", "db-6", "db-7"]
