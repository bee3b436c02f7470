"""Fields of DestinationRule: where requests go, by locality and by label, and over which connections."""

from collections import Counter
from http.client import HTTPConnection

import pytest

from e2e.fields.shown import shows
from e2e.fields.test_destination_rule import ADDRESS, DR, HOST, at_once, counted, rule, statuses, versions
from e2e.fields.world import World
from e2e.mesh import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

LOCALITY = "trafficPolicy.loadBalancer.localityLbSetting."


def address(world: World, label: str) -> str:
    return world.mesh.json("get", "pods", "-l", label)["items"][0]["status"]["podIP"]


def placed(world: World, one: str, two: str, *, labels: bool = False) -> None:
    """A host of which both versions are endpoints, each in a locality and, if asked for, with a label."""
    each = "".join(
        f"- {{address: {address(world, f'version={version}')}, ports: {{http: 8080}}, locality: {locality}"
        f"{f', labels: {{kind: {version}}}' if labels else ''}}}\n"
        for version, locality in (("one", one), ("two", two))
    )
    ports = "ports: [{number: 80, name: http, protocol: HTTP}]\n"
    entry = f"hosts: [{HOST}]\naddresses: [{ADDRESS}]\n{ports}resolution: STATIC\nendpoints:\n{each}"
    world.apply("ServiceEntry", "ext", entry)


def served(world: World, setting: str, count: int) -> Counter[str]:
    """Who serves, by a locality setting."""
    policy = f"{{loadBalancer: {{localityLbSetting: {setting}}}, outlierDetection: {{}}}}"
    rule(world, policy, host=HOST)
    return Counter(world.client.ask(HOST, to=ADDRESS).body.split()[0] for _ in range(count))


@shows("ServiceEntry", "endpoints[].locality")
@shows(DR, "distribute[].from", "distribute[].to", under=LOCALITY)
def test_shares_of_localities(world: World) -> None:
    placed(world, "eu/a/x", "us/b/y")

    found = served(world, "{distribute: [{from: eu/*, to: {eu/*: 20, us/*: 80}}]}", 200)
    assert abs(found["two"] - 160) < 4.5 * (200 * 0.8 * 0.2) ** 0.5
    elsewhere = "{distribute: [{from: ap/*, to: {us/*: 100}}, {from: eu/a/*, to: {eu/*: 100}}]}"
    assert served(world, elsewhere, 20) == {"one": 20}


@shows(DR, "failover[].from", "failover[].to", "enabled", under=LOCALITY)
def test_the_next_region(world: World) -> None:
    placed(world, "us/b", "ap/c")

    assert served(world, "{failover: [{from: eu, to: us}]}", 20) == {"one": 20}
    assert served(world, "{failover: [{from: eu, to: ap}]}", 20) == {"two": 20}
    assert set(served(world, "{enabled: false, failover: [{from: eu, to: ap}]}", 40)) == {"one", "two"}


ZONES = "trafficPolicy.loadBalancer.zoneAwareLbSetting."


@shows(DR, "enabled", "failover[].from", "failover[].to", under=ZONES)
def test_the_own_region_goes_first(world: World) -> None:
    """Whichever zone of it."""

    def found(setting: str) -> set[str]:
        policy = f"{{loadBalancer: {{zoneAwareLbSetting: {setting}}}, outlierDetection: {{}}}}"
        rule(world, policy, host=HOST)
        return {world.client.ask(HOST, to=ADDRESS).body.split()[0] for _ in range(30)}

    placed(world, "eu/c", "us/b")
    assert found("{enabled: true}") == {"one"}
    placed(world, "eu/c", "eu/a")
    assert found("{enabled: true}") == {"one", "two"}
    placed(world, "us/b", "ap/c")
    assert found("{failover: [{from: eu, to: us}]}") == {"one"}
    assert found("{failover: [{from: eu, to: ap}]}") == {"two"}
    assert found("{enabled: false, failover: [{from: eu, to: ap}]}") == {"one", "two"}


@shows(DR, "failoverPriority[]", under=ZONES)
def test_labels_go_before_regions(world: World) -> None:
    placed(world, "us/b", "eu/a", labels=True)
    setting = "{zoneAwareLbSetting: {failoverPriority: ['kind=one']}}"
    rule(world, f"{{loadBalancer: {setting}, outlierDetection: {{}}}}", host=HOST)
    assert {world.client.ask(HOST, to=ADDRESS).body.split()[0] for _ in range(20)} == {"one"}


@shows(DR, "failoverPriority[]", under=LOCALITY)
def test_endpoints_preferred_by_label(world: World) -> None:
    policy = "{loadBalancer: {localityLbSetting: {failoverPriority: ['version=%s']}}, outlierDetection: {}}"

    for version in ("one", "two"):
        rule(world, policy % version)
        assert set(versions(world, 20)) == {version}


@shows(DR, "h2UpgradePolicy", "useClientProtocol", under="trafficPolicy.connectionPool.http.")
def test_http_towards_endpoints(world: World) -> None:
    def by_http2() -> str:
        command = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--http2-prior-knowledge", "http://bare/")
        return world.mesh.exec(world.mesh.pod("client-"), *command)

    # Nobody stands before this application, and it knows nothing of HTTP/2.
    assert (by_http2(), world.client.ask("bare").status) == ("200", 200)
    rule(world, "{connectionPool: {http: {useClientProtocol: true}}}", host="bare")
    assert by_http2() in ("502", "503")
    assert world.client.ask("bare").status == 200
    rule(world, "{connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}", host="bare")
    assert world.client.ask("bare").status in (502, 503)


@shows(DR, "trafficPolicy.connectionPool.http.maxConcurrentStreams")
def test_streams_of_a_connection(world: World) -> None:
    cluster = "outbound|8082||modern.default.svc.cluster.local"
    upgrade = "h2UpgradePolicy: UPGRADE"

    rule(world, f"{{connectionPool: {{http: {{{upgrade}}}}}}}", host="modern")
    assert at_once(world, 12, "modern", 8082) == [200] * 12
    assert 0 < counted(world, cluster, "cx_active") < 12
    rule(world, f"{{connectionPool: {{http: {{{upgrade}, maxConcurrentStreams: 1}}}}}}", host="modern")
    assert at_once(world, 12, "modern", 8082) == [200] * 12
    assert counted(world, cluster, "cx_active") >= 12


def retried(world: World, key: str) -> list[int]:
    """Status of requests that all fail once, and all after the same time."""
    address = world.client.address("undeclared")

    def work() -> list[int]:
        connections = [HTTPConnection(address, 8081, timeout=20) for _ in range(10)]
        for i, connection in enumerate(connections):
            path = f"/?fails=1&delay=1&key={key}{i}"
            connection.request("GET", path, headers={"Host": "undeclared:8081"})
        found = [connection.getresponse().status for connection in connections]
        for connection in connections:
            connection.close()
        return found

    return world.client.do(work)


@shows(DR, "trafficPolicy.connectionPool.http.maxRetries")
def test_retries_under_way_are_limited(world: World) -> None:
    to = "host: undeclared, subset: one"
    retry = "{attempts: 1, retryOn: 5xx, retryIgnorePreviousHosts: false, backoff: 1ms}"
    world.virtual_service(f"hosts: [undeclared]\nhttp: [{{retries: {retry}, route: [{{destination: {{{to}}}}}]}}]", "u")
    subsets = "subsets: [{name: one, labels: {version: one}}]"

    rule(world, "{connectionPool: {http: {maxRetries: 1}}}", more=subsets)
    assert set(retried(world, "few")) == {200, 503}
    rule(world, "{connectionPool: {http: {maxRetries: 100}}}", more=subsets)
    assert set(retried(world, "many")) == {200}


@shows(DR, "trafficPolicy.tls.mode", "trafficPolicy.tls.subjectAltNames[]")
def test_how_connections_are_secured(world: World) -> None:
    rule(world, "{tls: {mode: ISTIO_MUTUAL}}")
    assert "x-forwarded-client-cert" in world.client.seen("undeclared", port=8081)
    rule(world, "{tls: {mode: DISABLE}}")
    assert "x-forwarded-client-cert" not in world.client.seen("undeclared", port=8081)
    rule(world, "{tls: {mode: ISTIO_MUTUAL, subjectAltNames: ['spiffe://cluster.local/ns/default/sa/other']}}")
    assert world.client.ask("undeclared", port=8081).status == 503
    rule(world, "{tls: {mode: ISTIO_MUTUAL, subjectAltNames: ['spiffe://cluster.local/ns/default/sa/default']}}")
    assert world.client.ask("undeclared", port=8081).status == 200


@shows(DR, "splitExternalLocalOriginErrors", "consecutiveLocalOriginFailures", under="trafficPolicy.outlierDetection.")
def test_an_endpoint_that_cannot_be_reached_is_left_out(world: World) -> None:
    bare = address(world, "app=bare")
    each = f"[{{address: {bare}, ports: {{http: 8080}}}}, {{address: {bare}, ports: {{http: 9999}}}}]"
    ports = "ports: [{number: 80, name: http, protocol: HTTP}]\n"
    entry = f"hosts: [{HOST}]\naddresses: [{ADDRESS}]\n{ports}resolution: STATIC\nendpoints: {each}"
    world.apply("ServiceEntry", "ext", entry)
    way = f"{{retries: {{attempts: 0}}, route: [{{destination: {{host: {HOST}}}}}]}}"
    world.virtual_service(f"hosts: [{HOST}]\nhttp: [{way}]", name="ext")
    times = "interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: 100, consecutive5xxErrors: 0"
    turns = "loadBalancer: {simple: ROUND_ROBIN}"

    rule(world, f"{{{turns}, outlierDetection: {{{times}}}}}", host=HOST)
    assert statuses(world, 20) == {200, 503}
    own = "splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 2"
    rule(world, f"{{{turns}, outlierDetection: {{{times}, {own}}}}}", host=HOST)
    assert eventually(lambda: statuses(world) == {200})
