"""A CronJob makes a Job at each moment of its schedule. NOW is 2027-01-15 08:00:00 UTC."""

from typing import Any

from unit.node.objects import NOW
from unit.node.world import World


def cron(**spec: Any) -> World:
    world = World()
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
    world.put("CronJob", "tidy", {"schedule": "*/10 * * * *", "jobTemplate": {"spec": {"template": template}}, **spec},
              group="batch")  # fmt: skip
    world.settle()
    return world


def pass_time(world: World, minutes: float) -> list[str]:
    world.now += minutes * 60
    return [done for done in world.settle() if done.startswith("+tidy") and done.count("-") == 1]


def finish(world: World) -> None:
    for pod in world.pods():
        if pod.tree["status"]["phase"] == "Running":
            world.end(pod.key.name, "Succeeded")
    world.settle()


def minutes(world: World, more: int) -> str:
    return f"+tidy-{int(NOW // 60) + more}"


def test_nothing_before_its_time() -> None:
    world = cron()
    assert (world.has("Job"), world.again) == ([], 600)


def test_a_job_at_its_time_and_none_twice() -> None:
    world = cron()
    assert pass_time(world, 10) == [minutes(world, 10)]
    assert pass_time(world, 5) == []
    assert world.get("CronJob", "tidy")["status"]["lastScheduleTime"] == "2027-01-15T08:10:00Z"


def test_of_missed_moments_the_last_counts() -> None:
    assert pass_time(world := cron(), 35) == [minutes(world, 30)]


def test_a_moment_that_is_missed_for_too_long_is_left_out() -> None:
    assert pass_time(cron(startingDeadlineSeconds=60), 15) == []


def test_jobs_overlap_where_they_may() -> None:
    world = cron()
    pass_time(world, 10)
    pass_time(world, 10)
    assert len(world.has("Job")) == 2


def test_a_job_waits_for_the_one_before_where_they_may_not() -> None:
    world = cron(concurrencyPolicy="Forbid")
    pass_time(world, 10)
    assert pass_time(world, 10) == []
    finish(world)
    assert pass_time(world, 0) == []  # made by `finish`: as soon as the one before has ended
    assert len(world.has("Job")) == 2


def test_a_job_takes_the_place_of_the_one_before() -> None:
    world = cron(concurrencyPolicy="Replace")
    pass_time(world, 10)
    pass_time(world, 10)
    assert world.has("Job") == [minutes(world, 20)[1:]]


def test_a_suspended_one_makes_none() -> None:
    world = cron(suspend=True)
    assert (pass_time(world, 20), world.again) == ([], None)


def test_old_jobs_are_forgotten() -> None:
    world = cron(successfulJobsHistoryLimit=2)
    for _ in range(4):
        pass_time(world, 10)
        finish(world)
    assert world.has("Job") == [minutes(world, 30)[1:], minutes(world, 40)[1:]]
    assert world.get("CronJob", "tidy")["status"]["lastSuccessfulTime"] == "2027-01-15T08:40:00Z"
