"""Fields of ServiceEntry, each by real requests to hosts that only it knows."""

import pytest

from e2e.fields.shown import shows
from e2e.fields.world import World
from e2e.mesh import Mesh, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SE = "ServiceEntry"
HOST, ADDRESS = "ext.example.com", "192.0.2.50"
PLACE = f"hosts: [{HOST}]\naddresses: [{ADDRESS}]\n"
PORT = "ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]\n"


@pytest.fixture(scope="module")
def pods(mesh: Mesh) -> dict[str, str]:
    """Version → address of its pod."""
    found = mesh.json("get", "pods", "-l", "app=echo")["items"]
    return {pod["metadata"]["labels"]["version"]: pod["status"]["podIP"] for pod in found}


def who(world: World, count: int = 6) -> list[str]:
    """Which versions answer for the host."""
    answers = (world.client.ask(HOST, to=ADDRESS) for _ in range(count))
    return [answer.body.split()[0] if answer.status == 200 else str(answer.status) for answer in answers]


@shows(SE, "hosts[]", "addresses[]", "resolution", "endpoints[].address", "endpoints[].ports")
@shows(SE, "ports[].number", "ports[].name", "ports[].protocol")
def test_a_host_with_endpoints(world: World, pods: dict[str, str]) -> None:
    port = "ports: [{number: 80, name: http, protocol: HTTP}]\n"
    world.apply(
        SE, "ext", f"{PLACE}{port}resolution: STATIC\nendpoints: [{{address: {pods['two']}, ports: {{http: 8080}}}}]"
    )

    assert set(who(world)) == {"two"}


@shows(SE, "ports[].targetPort", "endpoints[].weight")
def test_shares_of_endpoints(world: World, pods: dict[str, str]) -> None:
    each = f"[{{address: {pods['one']}, weight: 80}}, {{address: {pods['two']}, weight: 20}}]"
    world.apply(SE, "ext", f"{PLACE}{PORT}resolution: STATIC\nendpoints: {each}")

    found = who(world, 300)
    assert abs(found.count("one") - 240) < 4.5 * (300 * 0.8 * 0.2) ** 0.5
    assert set(found) == {"one", "two"}


@shows(SE, "endpoints[].labels")
def test_subsets_of_endpoints(world: World, pods: dict[str, str]) -> None:
    each = ", ".join(f"{{address: {pods[v]}, labels: {{kind: {v}}}}}" for v in ("one", "two"))
    world.apply(SE, "ext", f"{PLACE}{PORT}resolution: STATIC\nendpoints: [{each}]")
    world.apply("DestinationRule", "ext", f"host: {HOST}\nsubsets: [{{name: second, labels: {{kind: two}}}}]")
    to = f"{{host: {HOST}, subset: second}}"
    world.virtual_service(f"hosts: [{HOST}]\nhttp: [{{route: [{{destination: {to}}}]}}]", name="ext")

    assert set(who(world)) == {"two"}


@shows(SE, "workloadSelector.labels")
def test_pods_as_endpoints(world: World) -> None:
    selector = "workloadSelector: {labels: {app: echo, version: two}}\n"
    world.apply(SE, "ext", f"{PLACE}{PORT}{selector}resolution: STATIC\nlocation: MESH_INTERNAL")

    assert set(who(world)) == {"two"}


WE = "WorkloadEntry"
SELECTS = f"{PLACE}{PORT}workloadSelector: {{labels: {{app: outside}}}}\nresolution: STATIC\nlocation: MESH_INTERNAL"


@shows(WE, "address", "labels", "ports", "weight")
def test_workload_entries_as_endpoints(world: World, pods: dict[str, str]) -> None:
    world.apply(SE, "ext", SELECTS)
    for version, weight in (("one", 80), ("two", 20)):
        spec = f"address: {pods[version]}\nports: {{http: 8080}}\nweight: {weight}\nlabels: {{app: outside}}"
        world.apply(WE, version, spec)
    world.apply(WE, "other", "address: 192.0.2.77\nlabels: {app: other}")

    found = who(world, 300)
    assert abs(found.count("one") - 240) < 4.5 * (300 * 0.8 * 0.2) ** 0.5
    assert set(found) == {"one", "two"}


@shows(WE, "locality")
def test_where_a_workload_entry_is(world: World, pods: dict[str, str]) -> None:
    """The client is in eu/a."""
    world.apply(SE, "ext", SELECTS)
    world.apply("DestinationRule", "ext", f"host: {HOST}\ntrafficPolicy: {{outlierDetection: {{}}}}")
    for near, far in (("one", "two"), ("two", "one")):
        for version, locality in ((near, "eu/a"), (far, "us/b")):
            spec = f"address: {pods[version]}\nports: {{http: 8080}}\nlabels: {{app: outside}}\nlocality: {locality}"
            world.apply(WE, version, spec)
        assert eventually(lambda near=near: set(who(world, 20)) == {near})


NEAR = """host: ext.example.com
trafficPolicy:
  loadBalancer: {localityLbSetting: {failoverPriority: [topology.istio.io/network=near]}}
  outlierDetection: {%s}
"""


@shows(SE, "endpoints[].network")
@shows(WE, "network")
def test_networks_of_endpoints(world: World, pods: dict[str, str]) -> None:
    """All are reached; a rule may prefer a network."""
    for near, far in (("one", "two"), ("two", "one")):
        each = f"[{{address: {pods[near]}, network: near}}, {{address: {pods[far]}, network: far}}]"
        world.apply(SE, "ext", f"{PLACE}{PORT}resolution: STATIC\nendpoints: {each}")
        world.apply("DestinationRule", "ext", NEAR % "")
        assert set(who(world, 20)) == {near}

    world.apply(SE, "ext", SELECTS)
    for near, far in (("one", "two"), ("two", "one")):
        for name, network in ((near, "near"), (far, "far")):
            world.apply(WE, name, f"address: {pods[name]}\nnetwork: {network}\nlabels: {{app: outside}}")
        assert set(who(world, 20)) == {near}


@shows("VirtualService", "http[].retries.retryRemoteLocalities")
def test_retries_go_to_other_localities_where_they_may(world: World, pods: dict[str, str]) -> None:
    """The near endpoint is a port that nobody listens on."""
    dead = f"{{address: {pods['one']}, network: near, ports: {{http: 9}}}}"
    world.apply(SE, "ext", f"{PLACE}{PORT}resolution: STATIC\nendpoints: [{dead}, {{address: {pods['two']}}}]")
    world.apply("DestinationRule", "ext", NEAR % "consecutive5xxErrors: 0, consecutiveGatewayErrors: 0")
    route = f"hosts: [{HOST}]\nhttp:\n- route: [{{destination: {{host: {HOST}}}}}]\n"
    retries = "  retries: {attempts: 4, retryOn: 'connect-failure,reset,5xx', retryRemoteLocalities: %s}"

    world.virtual_service(route + retries % "false", name="ext")
    assert set(who(world)) == {"503"}
    world.virtual_service(route + retries % "true", name="ext")
    assert set(who(world)) == {"two"}


@shows(WE, "serviceAccount")
def test_the_account_of_a_workload_entry_is_asked_for(world: World, pods: dict[str, str]) -> None:
    one = f"address: {pods['one']}\nlabels: {{app: outside}}\nserviceAccount: "
    world.apply(SE, "ext", SELECTS)

    world.apply(WE, "one", f"{one}default")
    assert "spiffe://" in world.client.seen(HOST, to=ADDRESS).get("x-forwarded-client-cert", "")
    world.apply(WE, "one", f"{one}other")
    assert eventually(lambda: who(world) == ["503"] * 6)


@shows(SE, "exportTo[]")
def test_who_sees_a_host(world: World, mesh: Mesh, pods: dict[str, str]) -> None:
    mesh.run("apply", "-f", "-", text="apiVersion: v1\nkind: Namespace\nmetadata: {name: elsewhere}\n")
    spec = f"{PLACE}{PORT}resolution: STATIC\nendpoints: [{{address: {pods['one']}}}]\n"
    world.apply("Sidecar", "client", "outboundTrafficPolicy: {mode: REGISTRY_ONLY}")

    world.apply(SE, "ext", f"{spec}exportTo: [.]", namespace="elsewhere")
    assert "one" not in who(world)
    world.apply(SE, "ext", f"{spec}exportTo: [., default]", namespace="elsewhere")
    assert set(who(world)) == {"one"}


@shows(SE, "location", "endpoints[].serviceAccount")
def test_who_answers_is_asked_inside_of_the_mesh(world: World, pods: dict[str, str]) -> None:
    endpoint = f"address: {pods['one']}, labels: {{security.istio.io/tlsMode: istio}}"
    static = f"{PLACE}{PORT}resolution: STATIC\n"

    def caller() -> str:
        """Who calls, as the server is told, which it is over mutual TLS only."""
        return world.client.seen(HOST, to=ADDRESS).get("x-forwarded-client-cert", "")

    world.apply(SE, "ext", f"{static}location: MESH_INTERNAL\nendpoints: [{{{endpoint}, serviceAccount: default}}]")
    assert "spiffe://cluster.local/ns/default/sa/client" in caller()
    world.apply(SE, "ext", f"{static}location: MESH_EXTERNAL\nendpoints: [{{{endpoint}, serviceAccount: default}}]")
    assert caller() == ""
    world.apply(SE, "ext", f"{static}location: MESH_INTERNAL\nendpoints: [{{{endpoint}, serviceAccount: other}}]")
    assert eventually(lambda: who(world) == ["503"] * 6)


@shows(SE, "subjectAltNames[]")
def test_further_names_of_servers(world: World, pods: dict[str, str]) -> None:
    endpoint = f"address: {pods['one']}, labels: {{security.istio.io/tlsMode: istio}}, serviceAccount: other"
    spec = f"{PLACE}{PORT}resolution: STATIC\nlocation: MESH_INTERNAL\nendpoints: [{{{endpoint}}}]\n"

    world.apply(SE, "ext", spec)
    assert eventually(lambda: who(world) == ["503"] * 6)
    world.apply(SE, "ext", f"{spec}subjectAltNames: ['spiffe://cluster.local/ns/default/sa/default']")
    assert eventually(lambda: set(who(world)) == {"one"})


@pytest.mark.parametrize("resolution", ["DNS", "DNS_ROUND_ROBIN"])
def test_endpoints_by_name(world: World, resolution: str) -> None:
    port = "ports: [{number: 80, name: http, protocol: HTTP}]\n"
    name = "echo.default.svc.cluster.local"
    world.apply(SE, "ext", f"{PLACE}{port}resolution: {resolution}\nendpoints: [{{address: {name}}}]")

    assert eventually(lambda: set(who(world)) <= {"one", "two"})


def test_the_address_that_was_called(world: World, pods: dict[str, str]) -> None:
    world.apply(
        SE, "ext", f"hosts: [{HOST}]\nports: [{{number: 8080, name: http, protocol: HTTP}}]\nresolution: NONE"
    )  # fmt: skip
    answer = "headers: {response: {set: {x-known: 'yes'}}}"
    way = f"route: [{{destination: {{host: {HOST}}}}}]"
    world.virtual_service(f"hosts: [{HOST}]\nhttp: [{{{answer}, {way}}}]", name="ext")

    found = world.client.ask(HOST, to=pods["two"], port=8080)
    assert (found.body.split()[0], found.headers["x-known"]) == ("two", "yes")
