"""Fields of DestinationRule, each by real traffic; connections are counted by the client's Envoy."""

import socket
import subprocess
from http.client import HTTPConnection
from itertools import pairwise

import pytest

from e2e.fields.shown import shows
from e2e.fields.world import World
from e2e.mesh import Mesh, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

DR = "DestinationRule"
HOST, ADDRESS = "ext.example.com", "192.0.2.50"


def rule(world: World, policy: str, *, name: str = "policy", host: str = "undeclared", more: str = "") -> None:
    """A DestinationRule for a service that is not `echo`, whose subsets other tests need."""
    world.apply(DR, name, f"host: {host}\ntrafficPolicy: {policy}\n{more}")


def versions(world: World, count: int, path: str = "/", **headers: str) -> list[str]:
    """Which versions answer on the port of `undeclared`, one after the other."""
    sent = {key.replace("_", "-"): value for key, value in headers.items()}
    asked = (world.client.ask("undeclared", path, port=8081, headers=sent) for _ in range(count))
    return [answer.body.split()[0] for answer in asked]


def counted(world: World, cluster: str, what: str) -> int:
    """What the client's Envoy counts of a cluster's hosts."""
    command = ("pilot-agent", "request", "GET", "clusters")
    said = world.mesh.exec(world.mesh.pod("client-"), *command, container="istio-proxy")
    lines = (line for line in said.splitlines() if line.startswith(f"{cluster}::") and f"::{what}::" in line)
    return sum(int(line.rpartition("::")[2]) for line in lines)


def at_once(world: World, count: int, host: str = "undeclared", port: int = 8081) -> list[int]:
    """Status of so many requests that are under way at the same time."""
    address = world.client.address(host)

    def work() -> list[int]:
        connections = [HTTPConnection(address, port, timeout=20) for _ in range(count)]
        for connection in connections:
            connection.request("GET", "/?delay=1", headers={"Host": f"{host}:{port}"})
        found = [connection.getresponse().status for connection in connections]
        for connection in connections:
            connection.close()
        return found

    return world.client.do(work)


@shows(DR, "trafficPolicy.loadBalancer.simple")
@pytest.mark.parametrize("simple", ["ROUND_ROBIN", "RANDOM", "LEAST_REQUEST", "PASSTHROUGH"])
def test_how_endpoints_are_picked(world: World, simple: str) -> None:
    rule(world, f"{{loadBalancer: {{simple: {simple}}}}}")
    found = versions(world, 60)

    by_turns = all(a != b for a, b in pairwise(found))
    assert by_turns == (simple == "ROUND_ROBIN")
    if simple != "PASSTHROUGH":  # which pod the machine picks for the service's address is its own affair
        assert set(found) == {"one", "two"}


@shows(DR, "httpHeaderName", "httpQueryParameterName", under="trafficPolicy.loadBalancer.consistentHash.")
def test_requests_that_belong_together_by_a_header_or_parameter(world: World) -> None:
    rule(world, "{loadBalancer: {consistentHash: {httpHeaderName: x-user}}}")
    assert all(len(set(versions(world, 6, x_user=f"u{i}"))) == 1 for i in range(10))
    assert {versions(world, 1, x_user=f"u{i}")[0] for i in range(40)} == {"one", "two"}

    rule(world, "{loadBalancer: {consistentHash: {httpQueryParameterName: user}}}")
    assert all(len(set(versions(world, 6, f"/?user=u{i}"))) == 1 for i in range(10))
    assert {versions(world, 1, f"/?user=u{i}")[0] for i in range(40)} == {"one", "two"}


@shows(DR, "useSourceIp", under="trafficPolicy.loadBalancer.consistentHash.")
def test_requests_that_belong_together_by_their_source(world: World) -> None:
    rule(world, "{loadBalancer: {consistentHash: {useSourceIp: true}}}")

    assert len(set(versions(world, 20))) == 1


@shows(DR, "name", "path", "ttl", under="trafficPolicy.loadBalancer.consistentHash.httpCookie.")
@shows(DR, "attributes[].name", "attributes[].value", under="trafficPolicy.loadBalancer.consistentHash.httpCookie.")
def test_requests_that_belong_together_by_a_cookie(world: World) -> None:
    cookie = "{name: place, path: /shop, ttl: 60s, attributes: [{name: SameSite, value: Strict}]}"
    rule(world, f"{{loadBalancer: {{consistentHash: {{httpCookie: {cookie}}}}}}}")

    given = world.client.ask("undeclared", port=8081).headers["set-cookie"]
    assert given.startswith('place="')
    assert "Max-Age=60" in given
    assert "Path=/shop" in given
    assert "SameSite=Strict" in given
    assert len(set(versions(world, 20, Cookie=given.partition(";")[0]))) == 1


@shows(DR, "host", "subsets[].name", "subsets[].labels")
@shows(DR, "trafficPolicy.portLevelSettings[].port.number")
def test_policies_of_subsets_and_ports(world: World) -> None:
    sticky = "{loadBalancer: {consistentHash: {useSourceIp: true}}}"
    turns = "{loadBalancer: {simple: ROUND_ROBIN}}"
    port = f"portLevelSettings: [{{port: {{number: 8081}}, {turns.strip('{}')}}}}}]"
    rule(world, f"{{{sticky[1:-1]}, {port}}}")
    assert set(versions(world, 10)) == {"one", "two"}

    whole = "subsets: [{name: all, labels: {app: echo}, trafficPolicy: " + sticky + "}]"
    world.apply(DR, "policy", f"host: undeclared\ntrafficPolicy: {turns}\n{whole}")
    world.virtual_service(
        "hosts: [undeclared]\nhttp: [{route: [{destination: {host: undeclared, subset: all}}]}]", name="undeclared"
    )
    assert len(set(versions(world, 20))) == 1


@shows(DR, "exportTo[]", "workloadSelector.matchLabels")
def test_whom_a_rule_is_for(world: World, mesh: Mesh) -> None:
    mesh.run("apply", "-f", "-", text="apiVersion: v1\nkind: Namespace\nmetadata: {name: elsewhere}\n")
    policy = "trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true}}}\n"
    host = "host: undeclared.default.svc.cluster.local\n"

    world.apply(DR, "policy", f"{host}{policy}workloadSelector: {{matchLabels: {{app: other}}}}")
    assert set(versions(world, 30)) == {"one", "two"}
    world.apply(DR, "policy", f"{host}{policy}workloadSelector: {{matchLabels: {{app: client}}}}")
    assert len(set(versions(world, 20))) == 1
    world.clean()
    # Rules of the service's own namespace hold for all others, where they are exported.
    world.apply(DR, "policy", f"{host}{policy}exportTo: ['.']", namespace="elsewhere")
    assert set(versions(world, 30)) == {"one", "two"}


@shows(DR, "tcp.maxConnections", "http.http1MaxPendingRequests", under="trafficPolicy.connectionPool.")
def test_pending_requests_are_limited(world: World) -> None:
    rule(world, "{connectionPool: {tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}}}")

    found = at_once(world, 8)
    assert 200 in found
    assert 503 in found


@shows(DR, "trafficPolicy.connectionPool.http.http2MaxRequests")
def test_requests_under_way_are_limited(world: World) -> None:
    rule(world, "{connectionPool: {http: {http2MaxRequests: 2}}}")

    found = at_once(world, 8)
    assert 200 in found
    assert 503 in found


@shows(DR, "trafficPolicy.connectionPool.http.maxRequestsPerConnection")
def test_connections_for_one_request(world: World) -> None:
    cluster = "outbound|8081||undeclared.default.svc.cluster.local"
    rule(world, "{connectionPool: {http: {maxRequestsPerConnection: 1}}}")
    before = counted(world, cluster, "cx_total")
    versions(world, 20)

    assert counted(world, cluster, "cx_total") - before >= 20


@shows(DR, "trafficPolicy.connectionPool.http.idleTimeout")
def test_idle_connections_end(world: World) -> None:
    cluster = "outbound|8081||undeclared.default.svc.cluster.local"
    rule(world, "{connectionPool: {http: {idleTimeout: 1s}}}")
    versions(world, 5)

    assert eventually(lambda: counted(world, cluster, "cx_active") == 0)


@shows(DR, "trafficPolicy.connectionPool.tcp.maxConnectionDuration", "trafficPolicy.connectionPool.tcp.idleTimeout")
@pytest.mark.parametrize("field", ["maxConnectionDuration", "idleTimeout"])
def test_connections_have_an_end(world: World, field: str) -> None:
    rule(world, f"{{connectionPool: {{tcp: {{{field}: 1s}}}}}}", host="bare")
    address = world.client.address("bare")

    def closed() -> bool:
        with socket.create_connection((address, 7000), 10) as sock:
            sock.sendall(b"hello\n")
            lines = sock.makefile()
            assert lines.readline() == "bare hello\n"
            return lines.readline() == ""

    assert world.client.do(closed)


@shows(DR, "time", "interval", "probes", under="trafficPolicy.connectionPool.tcp.tcpKeepalive.")
def test_connections_are_kept_alive(world: World) -> None:
    rule(world, "{connectionPool: {tcp: {tcpKeepalive: {time: 5000s, interval: 7s, probes: 3}}}}", host="bare")
    address = world.client.address("bare")

    def timers() -> str:
        with socket.create_connection((address, 7000), 10) as sock:
            sock.sendall(b"hello\n")
            sock.makefile().readline()
            return subprocess.run(["ss", "-tno"], capture_output=True, text=True, check=True).stdout

    # Of this hour and a half the kernel tells the minutes.
    assert "timer:(keepalive,83min" in world.client.do(timers)


def half_bad(world: World, outlier: str) -> None:
    """A host with two endpoints, of which one answers no HTTP, and a rule how to find out."""
    address = world.mesh.json("get", "pods", "-l", "version=one")["items"][0]["status"]["podIP"]
    each = f"[{{address: {address}, ports: {{http: 8080}}}}, {{address: {address}, ports: {{http: 2525}}}}]"
    entry = f"hosts: [{HOST}]\naddresses: [{ADDRESS}]\nports: [{{number: 80, name: http, protocol: HTTP}}]\n"
    world.apply("ServiceEntry", "ext", f"{entry}resolution: STATIC\nendpoints: {each}")
    rule(world, f"{{loadBalancer: {{simple: ROUND_ROBIN}}, outlierDetection: {outlier}}}", host=HOST)
    world.virtual_service(
        f"hosts: [{HOST}]\nhttp: [{{retries: {{attempts: 0}}, route: [{{destination: {{host: {HOST}}}}}]}}]", name="ext"
    )


def statuses(world: World, count: int = 12) -> set[int]:
    return {world.client.ask(HOST, to=ADDRESS).status for _ in range(count)}


@shows(
    DR, "consecutive5xxErrors", "consecutiveGatewayErrors", "consecutiveErrors", under="trafficPolicy.outlierDetection."
)
@pytest.mark.parametrize("field", ["consecutive5xxErrors", "consecutiveGatewayErrors", "consecutiveErrors"])
def test_an_endpoint_that_fails_is_left_out(world: World, field: str) -> None:
    half_bad(world, f"{{{field}: 2, interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: 100}}")

    assert eventually(lambda: statuses(world) == {200})


@shows(DR, "interval", "baseEjectionTime", "maxEjectionPercent", under="trafficPolicy.outlierDetection.")
def test_an_endpoint_comes_back(world: World) -> None:
    half_bad(world, "{consecutive5xxErrors: 2, interval: 1s, baseEjectionTime: 3s, maxEjectionPercent: 100}")

    assert eventually(lambda: statuses(world, 6) == {200})
    assert eventually(lambda: statuses(world, 2) != {200}, 20)


@shows(DR, "trafficPolicy.outlierDetection.minHealthPercent")
def test_nobody_is_left_out_where_too_few_remain(world: World) -> None:
    half_bad(world, "{consecutive5xxErrors: 2, interval: 1s, maxEjectionPercent: 100, minHealthPercent: 100}")
    statuses(world)

    # Less than all are healthy, so all are used.
    assert all(statuses(world, 4) == {200, 503} or 502 in statuses(world, 4) for _ in range(5))
