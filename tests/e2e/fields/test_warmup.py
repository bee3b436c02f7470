"""Warm-up: an endpoint that is new gets little at first, by real traffic.

The weight of an endpoint grows with its age, as long as it is younger than `duration`. So which share a new one has is
a matter of both ages, and how fast the machine is does not decide: the old one has served many slow requests before.
"""

import pytest

from e2e.fields.shown import shows
from e2e.fields.test_destination_rule import ADDRESS, DR, HOST, rule
from e2e.fields.test_destination_rule_places import address
from e2e.fields.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

COUNT = 100


def served(world: World, *names: str) -> None:
    """These versions are endpoints of HOST."""
    each = "".join(f"- {{address: {address(world, f'version={name}')}, ports: {{http: 8080}}}}\n" for name in names)
    ports = "ports: [{number: 80, name: http, protocol: HTTP}]\n"
    entry = f"hosts: [{HOST}]\naddresses: [{ADDRESS}]\n{ports}resolution: STATIC\nendpoints:\n{each}"
    world.apply("ServiceEntry", "ext", entry)


def share_of_the_new(world: World, settings: str) -> int:
    """How many of COUNT requests an endpoint gets that has just come."""
    served(world, "one")
    rule(world, f"{{loadBalancer: {{simple: ROUND_ROBIN, {settings}}}}}", host=HOST)
    for _ in range(40):
        world.client.ask(HOST, "/?delay=0.25", to=ADDRESS)
    served(world, "one", "two")
    return [world.client.ask(HOST, to=ADDRESS).body.split()[0] for _ in range(COUNT)].count("two")


@shows(DR, "duration", "minimumPercent", "aggression", under="trafficPolicy.loadBalancer.warmup.")
def test_a_new_endpoint_is_warmed_up(world: World) -> None:
    slowly = "warmup: {duration: 3600s, minimumPercent: 0"
    assert share_of_the_new(world, slowly + "}") < COUNT / 3
    assert share_of_the_new(world, slowly + ", aggression: 1000}") > COUNT * 0.4
    assert share_of_the_new(world, "warmup: {duration: 3600s, minimumPercent: 100}") > COUNT * 0.4
    assert share_of_the_new(world, "warmup: {duration: 1s, minimumPercent: 100}") > COUNT * 0.4


@shows(DR, "trafficPolicy.loadBalancer.warmupDurationSecs")
def test_a_new_endpoint_is_warmed_up_by_the_old_word(world: World) -> None:
    assert share_of_the_new(world, "warmupDurationSecs: 20s") < COUNT / 2.5
