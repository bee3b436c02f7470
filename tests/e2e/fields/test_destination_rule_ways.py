"""Fields of DestinationRule that change what endpoints are sent: tunnels, PROXY headers, retries and their budget."""

from http.client import HTTPConnection

import pytest

from e2e.fields.shown import shows
from e2e.fields.test_destination_rule import DR, rule
from e2e.fields.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@shows(DR, "trafficPolicy.proxyProtocol.version")
def test_connections_begin_with_the_clients_address(world: World) -> None:
    own = world.mesh.json("get", "pod", world.mesh.pod("client-"))["status"]["podIP"]

    rule(world, "{proxyProtocol: {version: V1}}", host="bare")
    said = world.client.line("bare", 7000).split()
    assert said[:4] == ["bare", "PROXY", "TCP4", own]
    assert said[-1] == "7000"

    rule(world, "{proxyProtocol: {version: V2}}", host="bare")
    assert world.client.first("bare", 7000, b"hello\n").startswith(b"bare \r\n")
    rule(world, "{loadBalancer: {simple: RANDOM}}", host="bare")
    assert world.client.line("bare", 7000) == "bare hello"


@shows(DR, "trafficPolicy.tunnel.protocol", "trafficPolicy.tunnel.targetHost", "trafficPolicy.tunnel.targetPort")
def test_connections_go_through_a_forward_proxy(world: World) -> None:
    target = "targetHost: db.example.com, targetPort: 5432"

    rule(world, f"{{tunnel: {{{target}}}}}", host="forward")
    assert world.client.line("forward", 7080) == "bare CONNECT db.example.com:5432 HTTP/1.1"
    rule(world, f"{{tunnel: {{protocol: POST, {target}}}}}", host="forward")
    assert world.client.line("forward", 7080) == "bare /"


def while_others_wait(world: World, path: str) -> int:
    """Status of a request while four others are under way."""
    address = world.client.address("undeclared")

    def work() -> int:
        others = [HTTPConnection(address, 8081, timeout=20) for _ in range(4)]
        for connection in others:
            connection.request("GET", "/?delay=3", headers={"Host": "undeclared:8081"})
        last = HTTPConnection(address, 8081, timeout=20)
        last.request("GET", path, headers={"Host": "undeclared:8081"})
        found = last.getresponse().status
        for connection in (*others, last):
            connection.close()
        return found

    return world.client.do(work)


RETRY = "http: [{retries: {attempts: 8, retryOn: 5xx, backoff: 1ms}, route: [{destination: {host: undeclared}}]}]"


@shows(DR, "trafficPolicy.retryBudget.percent", "trafficPolicy.retryBudget.minRetryConcurrency")
def test_retries_have_a_budget(world: World) -> None:
    world.virtual_service(f"hosts: [undeclared]\n{RETRY}", name="undeclared")

    rule(world, "{retryBudget: {percent: 0, minRetryConcurrency: 0}}")
    assert while_others_wait(world, "/?fails=1&key=no-budget") == 503
    rule(world, "{retryBudget: {percent: 100, minRetryConcurrency: 0}}")
    assert while_others_wait(world, "/?fails=1&key=share") == 200
    rule(world, "{retryBudget: {percent: 0, minRetryConcurrency: 1}}")
    assert while_others_wait(world, "/?fails=1&key=least") == 200
