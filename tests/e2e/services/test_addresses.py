"""Services' addresses lead to their pods, from pods and from the host, by the kernel alone."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import msgspec
import pytest

from e2e.services.host import Host
from meltemi.core.node.settings import NodeSettings

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")]

SETTINGS = NodeSettings(mesh_id="5eb7e5", gateway_port=18080, gateway_service="default/web")
ROOT = Path(__file__).parents[3]


class Node:
    """The node's services on a machine, told of objects."""

    def __init__(self, host: Host, state: Path) -> None:
        program = str(Path(__file__).with_name("node.py"))
        command = [sys.executable, program, str(state), msgspec.json.encode(SETTINGS).decode()]
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", host.name, *command],
            stdin=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}"},
        )
        self.host = host
        self.state = state

    def put(self, tree: dict[str, object]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(tree).encode() + b"\n")
        self.process.stdin.flush()

    def service(self, name: str, ip: str, port: int, protocol: str = "TCP") -> None:
        ports = [{"port": port, "protocol": protocol, "name": "main"}]
        meta = {"name": name, "namespace": "default"}
        self.put({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"clusterIP": ip, "ports": ports}})

    def endpoints(self, name: str, port: int, *addresses: str) -> None:
        """All addresses of a Service; seen by the kernel when this returns."""
        labels = {"kubernetes.io/service-name": name}
        self.put(
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {"name": f"{name}-x", "namespace": "default", "labels": labels},
                "endpoints": [{"addresses": [ip], "conditions": {"ready": True}} for ip in addresses],
                "ports": [{"name": "main", "port": port, "protocol": "TCP"}],
            }
        )
        until(lambda: set(addresses) == set(self.backends(name)))

    def backends(self, name: str) -> list[str]:
        listed = self.host.run("nft", "-n", "list", "table", "ip", SETTINGS.table, status=(0, 1))
        return [word for line in listed.splitlines() if "numgen" in line for word in line.split() if "198.18" in word]

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Host, Node]]:
    with Host("h5b-svc", SETTINGS) as host:
        node = Node(host, tmp_path_factory.mktemp("h5b"))
        for number in (2, 3):
            host.serve(host.pod(number), f"pod{number}", 8080)
        host.pod(4)
        node.service("web", "198.19.0.2", 80)
        node.endpoints("web", 8080, "198.18.0.2", "198.18.0.3")
        for number in (2, 3):
            host.curl(f"http://198.18.0.{number}:8080/")
        try:
            yield host, node
        finally:
            node.stop()


@pytest.fixture
def host(machine: tuple[Host, Node]) -> Host:
    return machine[0]


def test_a_pod_reaches_every_endpoint_with_its_own_address(host: Host) -> None:
    seen = {host.curl("http://198.19.0.2/", at="h5b-svc-4") for _ in range(20)}

    assert seen == {"pod2 198.18.0.4", "pod3 198.18.0.4"}


def test_a_pod_reaches_itself_by_its_service(host: Host) -> None:
    seen = {host.curl("http://198.19.0.2/", at="h5b-svc-2").split()[0] for _ in range(20)}

    assert seen == {"pod2", "pod3"}


def test_the_host_reaches_a_service(host: Host) -> None:
    assert host.curl("http://198.19.0.2/").startswith("pod")


def test_the_gateway_port_leads_to_the_gateway_service(machine: tuple[Host, Node]) -> None:
    machine[0].run("sh", "-c", "grep . /proc/sys/net/ipv4/conf/m5eb7e5*/route_localnet")

    assert machine[0].curl("http://127.0.0.1:18080/").startswith("pod")


@pytest.mark.parametrize("at", ["", "h5b-svc-4"])
@pytest.mark.parametrize("address", ["198.19.0.2:81", "198.19.77.1:80", "198.18.77.1:80"])
def test_what_leads_nowhere_is_refused_at_once(host: Host, address: str, at: str) -> None:
    host.curl(f"http://{address}/", at=at, status=(7,))


def test_a_pod_cannot_reach_the_loopback_of_the_host(host: Host) -> None:
    """Not even a pod that does its worst, over an interface on which the gateway's port needs route_localnet."""
    pod = host.pod(5)
    localnet = "echo 1 >/proc/sys/net/ipv4/conf/{}/route_localnet"
    host.run("sh", "-c", localnet.format(f"{SETTINGS.veth_prefix}5"))
    host.run("sh", "-c", localnet.format("eth0"), at=pod)
    host.ip("route", "delete", "local", "127.0.0.0/8", "dev", "lo", "table", "local", at=pod)
    host.ip("route", "add", "127.9.9.9", "via", SETTINGS.node_ip, "dev", "eth0", "onlink", at=pod)
    host.serve(host.name, "secret", 8099)
    host.curl("http://127.0.0.1:8099/")

    host.curl("http://127.9.9.9:8099/", at=pod, status=(28,))


def test_a_pod_is_seen_outside_with_the_address_of_the_host(host: Host) -> None:
    host.serve(host.world(), "world", 8090)

    assert host.curl("http://203.0.113.1:8090/", at="h5b-svc-4") == "world 203.0.113.2"


def test_a_service_without_endpoints_refuses_and_comes_back(machine: tuple[Host, Node]) -> None:
    host, node = machine
    node.endpoints("web", 8080)
    host.curl("http://198.19.0.2/", at="h5b-svc-4", status=(7,))
    node.endpoints("web", 8080, "198.18.0.2", "198.18.0.3")

    assert host.curl("http://198.19.0.2/", at="h5b-svc-4").startswith("pod")


def test_no_connection_fails_while_endpoints_change(machine: tuple[Host, Node]) -> None:
    host, node = machine
    client = host.start("curl", "-sS", "-o", "/dev/null", "http://198.19.0.2/?[1-600]", at="h5b-svc-4")
    for addresses in [("198.18.0.2",), ("198.18.0.3",), ("198.18.0.2", "198.18.0.3")] * 3:
        node.endpoints("web", 8080, *addresses)

    assert client.wait(30) == 0


def test_a_connection_outlives_its_endpoint(machine: tuple[Host, Node]) -> None:
    """Who is no longer ready finishes what it has begun."""
    node = machine[1]
    node.endpoints("web", 8080, "198.18.0.2")
    program = (
        "import http.client,sys\n"
        "c=http.client.HTTPConnection('198.19.0.2'); c.connect(); print('connected',flush=True)\n"
        "sys.stdin.readline(); c.request('GET','/'); print(c.getresponse().read().decode())"
    )
    command = ["ip", "netns", "exec", "h5b-svc-4", sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout
        assert client.stdout.readline() == "connected\n"
        node.endpoints("web", 8080, "198.18.0.3")
        said, _ = client.communicate("go\n", timeout=10)
    node.endpoints("web", 8080, "198.18.0.2", "198.18.0.3")

    assert said.startswith("pod2")


def test_rules_outlive_the_node(machine: tuple[Host, Node]) -> None:
    host, node = machine
    node.stop()

    assert host.curl("http://198.19.0.2/", at="h5b-svc-4").startswith("pod")
