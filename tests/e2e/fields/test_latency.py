"""Weights by observed latency, by real traffic: one endpoint of two answers late."""

from collections import Counter

import pytest

from e2e.fields.test_destination_rule import ADDRESS, DR, HOST, counted, versions
from e2e.fields.test_destination_rule_places import address
from e2e.fields.world import World
from e2e.mesh import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CLUSTER = "outbound|8081||undeclared.default.svc.cluster.local"
ANNOTATION = "{meltemi.io/weights-by-latency: 'true'}"
FAULT = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"
SENT = 200
MORE_THAN_HALF = SENT / 2 + 4.5 * (SENT * 0.25) ** 0.5
"""So many of one kind are not chance where both are as likely."""


def disturbed(world: World, config: str) -> None:
    """What happens to requests to version two, beside its application."""
    world.apply(
        "EnvoyFilter",
        "disturbed",
        f"""
workloadSelector: {{labels: {{version: two}}}}
configPatches:
- applyTo: HTTP_FILTER
  match: {{context: SIDECAR_INBOUND, listener: {{filterChain: {{filter: {{name: {HCM}}}}}}}}}
  patch: {{operation: INSERT_FIRST, value: {{name: disturbed, typed_config: {{'@type': {FAULT}, {config}}}}}}}
""",
        version="v1alpha3",
    )


HCM = "envoy.filters.network.http_connection_manager"
LATE = "delay: {fixed_delay: 0.15s, percentage: {numerator: 100}}"
FAILS = "abort: {http_status: 500, percentage: {numerator: 100}}"


def fast(world: World) -> int:
    return versions(world, SENT).count("one")


def test_who_answers_sooner_gets_more(world: World) -> None:
    policy = "host: undeclared\ntrafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}"
    disturbed(world, LATE)
    world.apply(DR, "policy", policy)
    assert abs(fast(world) - SENT / 2) <= 1

    world.apply(DR, "policy", policy, annotations=ANNOTATION)
    assert eventually(lambda: fast(world) > MORE_THAN_HALF)
    # Who is late is not left out: when he is quick again, that is seen.
    before = counted(world, CLUSTER, "rq_total")
    assert "endpoint-load-metrics" not in world.client.ask("undeclared", port=8081).headers
    disturbed(world, LATE.replace("0.15s", "0.001s"))
    assert eventually(lambda: abs(fast(world) - SENT / 2) < SENT / 4, 120)
    assert counted(world, CLUSTER, "rq_total") > before


def test_who_only_fails_is_not_the_fastest(world: World) -> None:
    world.virtual_service(
        "hosts: [undeclared]\nhttp: [{retries: {attempts: 0}, route: [{destination: {host: undeclared}}]}]",
        name="undeclared",
    )
    disturbed(world, FAILS)
    world.apply(DR, "policy", "host: undeclared", annotations=ANNOTATION)

    def served() -> int:
        return [world.client.ask("undeclared", port=8081).status for _ in range(SENT)].count(200)

    assert eventually(lambda: served() > MORE_THAN_HALF)


def test_shares_of_localities_stay(world: World) -> None:
    """Weights count within a locality; which one is asked says `distribute`."""
    places = (("version=one", "eu"), ("version=two", "us"), ("app=bare", "us"))
    each = "".join(
        f"- {{address: {address(world, label)}, ports: {{http: 8080}}, locality: {region}}}\n"
        for label, region in places
    )
    ports = "ports: [{number: 80, name: http, protocol: HTTP}]\n"
    entry = f"hosts: [{HOST}]\naddresses: [{ADDRESS}]\n{ports}resolution: STATIC\nendpoints:\n{each}"
    world.apply("ServiceEntry", "ext", entry)
    disturbed(world, LATE)
    shares = "localityLbSetting: {distribute: [{from: '*', to: {eu: 50, us: 50}}]}"
    world.apply(DR, "policy", f"host: {HOST}\ntrafficPolicy: {{loadBalancer: {{{shares}}}}}", annotations=ANNOTATION)

    def served() -> Counter[str]:
        return Counter(world.client.ask(HOST, to=ADDRESS).body.split()[0] for _ in range(SENT))

    def as_told() -> bool:
        found = served()
        return abs(found["one"] - SENT / 2) <= 4.5 * (SENT * 0.25) ** 0.5 and found["bare"] > 4 * found["two"]

    assert eventually(as_told, 60)
