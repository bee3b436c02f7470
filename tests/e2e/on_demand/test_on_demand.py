"""A sidecar that holds what its workload calls: first requests are served, and only the first waits, once.

One mesh for all tests of this folder; every test calls hosts of its own, which are all the same application.
"""

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from e2e.fields.conftest import enter
from e2e.fields.inside import Inside
from e2e.mesh import HERE, Mesh, eventually

pytestmark = pytest.mark.e2e
HOSTS = ("get", "post", "rpc", "names", "rules", "target", "again", "patient", "kept", "other", "declared", "unheard")
PORTS = "{name: http, port: 80, targetPort: 8080}, {name: grpc, port: 9000, targetPort: 9001}"
UNKNOWN = "nobody.example.com"


def service(name: str) -> str:
    return (
        f"---\napiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n"
        f"spec:\n  selector: {{app: echo}}\n  ports: [{PORTS}]\n"
    )


def held(mesh: Mesh) -> str:
    """What the client's proxy has for requests, as text."""
    return mesh.run("proxy-config", "routes", "deployment/client", "-o", "json")


def clusters(mesh: Mesh) -> set[str]:
    found = mesh.json("proxy-config", "clusters", "deployment/client")
    return {name for one in found if "|" in (name := one.get("name") or one.get("cluster", {}).get("name", ""))}


def post(client: Inside, host: str, size: int) -> int:
    def work() -> int:
        connection = HTTPConnection(client.address(host), 80, timeout=20)
        try:
            connection.request("POST", "/posted", body=b"x" * size, headers={"Host": host})
            return connection.getresponse().status
        finally:
            connection.close()

    return client.do(work)


def test_a_proxy_begins_without_hosts_of_requests(mesh: Mesh, client: Inside) -> None:
    assert "unheard.default" not in held(mesh)
    assert not [name for name in clusters(mesh) if "unheard" in name]
    assert client.line("echo", 7000)  # bytes cannot ask: they are there from the start


def test_a_first_request_is_served(mesh: Mesh, client: Inside) -> None:
    assert client.ask("get", "/first").status == 200
    assert post(client, "post", 300_000) == 200
    assert "get.default" in held(mesh)


def test_a_first_grpc_call_is_served(mesh: Mesh) -> None:
    said = mesh.exec(mesh.pod("client-"), "python3", str(HERE / "apps/call_grpc.py"), "rpc:9000", "hello")
    assert said.split()[1] == "hello"


@pytest.mark.parametrize("name", ["names", "names.default", "names.default.svc.cluster.local", "names:80", "address"])
def test_a_host_by_any_of_its_names(client: Inside, name: str) -> None:
    address = client.address("names")
    assert client.ask(address if name == "address" else name, "/named", to=address).status == 200


def test_what_is_said_of_a_held_host_reaches_it(mesh: Mesh, client: Inside) -> None:
    assert client.ask("rules").status == 200
    rule = (
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: rules\n"
        "spec:\n  hosts: [rules]\n  http:\n  - {}route: [{{destination: {{host: {}}}}}]\n"
    )
    mesh.apply_text(rule.format("match: [{uri: {prefix: /there}}]\n    ", "target"))
    # the rule leads to a host that nobody has called
    assert client.ask("rules", "/there").status == 200
    assert client.ask("rules", "/elsewhere").status == 404
    assert [name for name in clusters(mesh) if "target" in name]
    mesh.run("delete", "virtualservice", "rules")
    assert eventually(lambda: client.ask("rules", "/elsewhere").status == 200)


def test_a_host_that_goes_and_comes_again(mesh: Mesh, client: Inside) -> None:
    address, bare = client.address("again"), client.address("bare")
    assert client.ask("again", to=address).body.split()[0] != "bare"
    mesh.run("delete", "service", "again")
    # nobody knows it: it passes to where the client wanted to go
    assert eventually(lambda: client.ask("again", to=bare).body.startswith("bare"))
    mesh.run("apply", "-f", "-", text=service("again"))
    assert eventually(lambda: not client.ask("again", to=bare).body.startswith("bare"))


def test_requests_may_take_longer_than_the_wait_for_a_host(client: Inside) -> None:
    assert client.ask("patient", "/?delay=7", patience=15).status == 200


def test_nobody_knows_the_host(mesh: Mesh, client: Inside) -> None:
    bare = client.address("bare")
    assert client.ask(UNKNOWN, to=bare).body.startswith("bare")
    assert client.ask("*", to=bare).status == 404  # not a host, and nothing that may hide others
    assert client.ask("other").status == 200
    config = "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata:\n  name: default\nspec:\n  {}\n"
    mesh.apply_text(config.format("outboundTrafficPolicy: {mode: REGISTRY_ONLY}"))
    assert client.ask(UNKNOWN, to=bare).status == 502
    assert client.ask("another.example.com", to=bare).status == 502
    assert client.ask("other").status == 200
    # what a Sidecar names is there before it is called
    mesh.apply_text(config.format('egress: [{hosts: ["./declared.default.svc.cluster.local", "./*"]}]'))
    assert "declared.default" in held(mesh)
    assert "unheard.default" not in held(mesh)
    mesh.run("delete", "sidecar", "default")
    assert eventually(lambda: client.ask(UNKNOWN, to=bare).status == 200)


def test_what_was_called_is_remembered(mesh: Mesh, client: Inside) -> None:
    assert client.ask("kept").status == 200
    before = (mesh.state / "control-plane.pid").read_text()
    os.kill(int(before), signal.SIGKILL)
    eventually(lambda: _differs(mesh.state / "control-plane.pid", before), 20)

    mesh.run("delete", "pod", mesh.pod("client-"))
    mesh.ready("client")
    assert eventually(lambda: "kept.default" in held(mesh))
    assert "unheard.default" not in held(mesh)


def test_without_a_control_plane(mesh: Mesh) -> None:
    client = enter(mesh, "client-")
    try:
        assert client.ask("kept").status == 200
        address = client.address("unheard")
        with away(mesh):
            assert client.ask("kept").status == 200
            assert (
                client.ask("unheard", to=address, patience=15).status == 504
            )  # nobody can say: it does not wait for ever
        assert eventually(lambda: client.ask("unheard", to=address).status == 200)
    finally:
        client.close()


@contextmanager
def away(mesh: Mesh) -> Generator[None]:
    """Without a control plane, and nobody who starts it again."""
    supervisor = int((mesh.state / "supervisor.pid").read_text())
    os.kill(supervisor, signal.SIGSTOP)
    try:
        os.kill(int((mesh.state / "control-plane.pid").read_text()), signal.SIGKILL)
        yield
    finally:
        os.kill(supervisor, signal.SIGCONT)


def _differs(file: Path, old: str) -> bool:
    return file.exists() and file.read_text() not in ("", old)
