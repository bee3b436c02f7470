"""A Job runs pods until enough of them have succeeded."""

from typing import Any

from meltemi.core.node.job_pods import indexes
from unit.node.world import World


def job(**spec: Any) -> World:
    world = World()
    template = {"metadata": {}, "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
    world.put("Job", "sum", {"template": template, **spec}, group="batch")
    world.settle()
    return world


def told(world: World) -> dict[str, Any]:
    return world.get("Job", "sum")["status"]


def verdict(world: World) -> list[tuple[str, str]]:
    return [(c["type"], c["reason"]) for c in told(world).get("conditions", [])]


def active(world: World) -> list[str]:
    return [pod.key.name for pod in world.pods() if pod.tree["status"]["phase"] == "Running"]


def test_one_pod_that_succeeds_completes_it() -> None:
    world = job()
    (name,) = world.names()
    world.end(name, "Succeeded")

    assert world.settle() == []
    assert verdict(world) == [("Complete", "CompletionsReached")]
    assert (told(world)["succeeded"], told(world)["active"]) == (1, 0)
    assert world.names() == [name]  # its logs are still wanted


def test_so_many_at_a_time_until_so_many_have_succeeded() -> None:
    world = job(completions=5, parallelism=2)
    most = 0
    for _ in range(5):
        most = max(most, len(active(world)))
        world.end(active(world)[0], "Succeeded")
        world.settle()

    assert most == 2
    assert verdict(world) == [("Complete", "CompletionsReached")]
    assert len(world.names()) == 5


def test_a_failed_pod_is_replaced_after_a_while() -> None:
    world = job()
    world.end(world.names()[0], "Failed")
    assert world.settle() == []
    assert world.again == 10
    world.now += 10
    assert len(world.settle()) == 1


def test_the_wait_doubles() -> None:
    world = job()
    for wait in (10, 20, 40):
        world.end(active(world)[0], "Failed")
        world.settle()
        assert world.again == wait
        world.now += wait
        world.settle()


def test_too_many_failures_end_it_and_what_still_runs() -> None:
    world = job(backoffLimit=0, parallelism=2, completions=2)
    world.end(world.names()[0], "Failed")
    world.settle()

    assert verdict(world) == [("Failed", "BackoffLimitExceeded")]
    assert active(world) == []
    assert told(world)["active"] == 0


def test_a_job_that_takes_too_long_has_failed() -> None:
    world = job(activeDeadlineSeconds=60)
    assert world.again == 60
    world.now += 60
    world.settle()
    assert verdict(world) == [("Failed", "DeadlineExceeded")]


def test_it_goes_after_its_time() -> None:
    world = job(ttlSecondsAfterFinished=30)
    world.end(world.names()[0], "Succeeded")
    world.settle()
    assert (world.has("Job"), world.again) == (["sum"], 30)
    world.now += 30
    world.settle()
    assert (world.has("Job"), world.names()) == ([], [])


def test_a_suspended_job_has_no_pods() -> None:
    world = job()
    spec = world.get("Job", "sum")["spec"]
    world.put("Job", "sum", {**spec, "suspend": True}, group="batch")
    world.settle()
    assert world.names() == []
    world.put("Job", "sum", spec, group="batch")
    world.settle()
    assert len(world.names()) == 1


def test_an_indexed_job_does_each_number_once() -> None:
    world = job(completions=3, parallelism=3, completionMode="Indexed")
    numbers = [pod.tree["spec"]["containers"][0]["env"][-1] for pod in world.pods()]
    assert numbers == [{"name": "JOB_COMPLETION_INDEX", "value": str(n)} for n in range(3)]
    first, second, third = world.names()
    world.end(first, "Succeeded")
    world.end(third, "Succeeded")
    world.end(second, "Failed")
    world.settle()
    assert told(world)["completedIndexes"] == "0,2"
    world.now += 10
    (again,) = world.settle()
    assert again.startswith("+sum-1-")
    world.end(again[1:], "Succeeded")
    world.settle()
    assert told(world)["completedIndexes"] == "0-2"
    assert verdict(world) == [("Complete", "CompletionsReached")]


def test_a_queue_of_work_is_empty_when_the_first_pod_succeeds() -> None:
    world = job(parallelism=3)
    world.end(world.names()[0], "Succeeded")
    assert world.settle() == []
    assert verdict(world) == []
    for name in active(world):
        world.end(name, "Succeeded")
    world.settle()
    assert verdict(world) == [("Complete", "CompletionsReached")]


def test_indexes_are_told_in_rows() -> None:
    assert indexes({5, 0, 2, 3, 4, 8}) == "0,2-5,8"
