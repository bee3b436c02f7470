"""A DaemonSet has one pod on the one node."""

from typing import Any

import pytest

from unit.node.world import World

LABELS = {"app": "agent"}


def spec(image: str = "one", **more: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "c", "image": image}]}}
    return {"selector": {"matchLabels": LABELS}, "template": template, **more}


@pytest.fixture
def world() -> World:
    world = World()
    world.put("DaemonSet", "agent", spec())
    world.settle()
    return world


def image(world: World) -> list[str]:
    return [pod.tree["spec"]["containers"][0]["image"] for pod in world.pods()]


def test_one_pod(world: World) -> None:
    assert len(world.pods()) == 1
    told = world.get("DaemonSet", "agent")["status"]
    assert (told["desiredNumberScheduled"], told["numberReady"], told["updatedNumberScheduled"]) == (1, 1, 1)


def test_a_new_template_replaces_it(world: World) -> None:
    world.put("DaemonSet", "agent", spec("two"))
    first, then = world.step(), world.step()
    assert first[0].startswith("-agent")
    assert then == []  # the old one has not left yet
    world.settle()
    assert image(world) == ["two"]


def test_with_surge_the_new_one_comes_first(world: World) -> None:
    (old,) = world.names()
    world.put("DaemonSet", "agent", spec("two", updateStrategy={"rollingUpdate": {"maxSurge": 1}}))
    assert world.step()[0].startswith("+agent")
    assert world.step() == []
    world.ready()
    assert world.step() == [f"-{old}"]


def test_on_delete_it_stays(world: World) -> None:
    world.put("DaemonSet", "agent", spec("two", updateStrategy={"type": "OnDelete"}))
    assert world.settle() == []
    assert image(world) == ["one"]


def test_a_pod_that_ended_is_replaced(world: World) -> None:
    (old,) = world.names()
    world.end(old, "Failed")
    world.settle()
    assert len(world.names()) == 1
    assert world.names() != [old]
