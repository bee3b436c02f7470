"""First requests are served, however many come at once and however they are made; hosts that are called by other rules
than a Service's name as well."""

import os
import re
import signal
import threading
from http.client import HTTPConnection
from pathlib import Path

import pytest

from e2e.fields.conftest import enter
from e2e.fields.inside import Inside
from e2e.mesh import HERE, Mesh, eventually
from e2e.on_demand.test_on_demand import UNKNOWN, away, clusters, held
from meltemi.core.view.held import GROUPS

pytestmark = pytest.mark.e2e
CROWD = tuple(f"crowd-{number}" for number in range(30))
HOSTS = (*CROWD, "same", "second", "calls", "led", "shared", "returns", "untouched")
AT_ONCE = 30


def at_once(client: Inside, hosts: list[str], to: str) -> list[int]:
    """The status of a request to each of these hosts, all at the same time."""
    statuses = [0] * len(hosts)
    begin = threading.Barrier(len(hosts))

    def one(number: int) -> None:
        connection = HTTPConnection(to, 80, timeout=20)
        try:
            connection.connect()
            begin.wait(20)
            connection.request("GET", "/", headers={"Host": hosts[number]})
            statuses[number] = connection.getresponse().status
        finally:
            connection.close()

    def all_of_them() -> list[int]:
        threads = [threading.Thread(target=one, args=(number,)) for number in range(len(hosts))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return statuses

    return client.do(all_of_them)


def test_many_first_requests_to_one_host(client: Inside) -> None:
    assert at_once(client, ["same"] * AT_ONCE, client.address("same")) == [200] * AT_ONCE


def test_many_first_requests_to_different_hosts(client: Inside) -> None:
    assert at_once(client, list(CROWD), client.address("same")) == [200] * len(CROWD)


def test_a_first_request_over_http_2(mesh: Mesh) -> None:
    told = ("-s", "-o", "/dev/null", "-w", "%{http_version} %{http_code}")
    assert mesh.exec(mesh.pod("client-"), "curl", *told, "--http2-prior-knowledge", "http://second/") == "2 200"


def test_many_first_grpc_calls(mesh: Mesh) -> None:
    pod = mesh.pod("client-")
    script = ("python3", str(HERE / "apps/call_grpc.py"))
    callers = [mesh.start_exec(pod, *script, f"{name}:9000", "hello") for name in ("calls", "calls", "second", "led")]
    assert [caller.communicate(timeout=60)[0].split()[1:] for caller in callers] == [["hello"]] * 4


def test_hosts_that_nobody_knows_are_bounded(mesh: Mesh, client: Inside) -> None:
    """They pass, and share virtual hosts."""
    bare = client.address("bare")
    names = [f"nobody-{number}.example.com" for number in range(150)]
    statuses = [one for at in (0, 50, 100) for one in at_once(client, names[at : at + 50], bare)]
    assert statuses == [200] * len(names)
    for name in names[::10]:
        assert client.ask(name, to=bare).body.startswith("bare")
    shared = set(re.findall(r'"(80/allow_any[^"]*)"', held(mesh)))
    assert 1 < len(shared) <= GROUPS


def test_a_host_that_only_a_rule_knows(mesh: Mesh, client: Inside) -> None:
    """A VirtualService, and a ServiceEntry with a wildcard."""
    address = client.address("led")
    mesh.apply_text(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: ruled\n"
        "spec:\n  hosts: [ruled.example.com]\n  http:\n  - route: [{destination: {host: led}}]\n"
        "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata:\n  name: wild\n"
        "spec:\n  hosts: ['*.wild.example.com']\n  resolution: STATIC\n"
        "  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]\n"
        "  workloadSelector: {labels: {app: echo}}\n"
    )
    bare = client.address("bare")
    assert not client.ask("ruled.example.com", to=bare).body.startswith("bare")
    for name in ("one.wild.example.com", "two.wild.example.com", "deep.one.wild.example.com"):
        answer = client.ask(name, to=bare)
        assert (answer.status, answer.body.startswith("bare")) == (200, False)
    mesh.run("delete", "serviceentry", "wild")
    mesh.run("delete", "virtualservice", "ruled")
    assert eventually(lambda: client.ask("three.wild.example.com", to=bare).body.startswith("bare"))
    assert eventually(lambda: client.ask("one.wild.example.com", to=bare).body.startswith("bare"))
    assert eventually(lambda: client.ask("ruled.example.com", to=bare).body.startswith("bare"))
    assert client.ask("led", to=address).status == 200


def test_what_cannot_ask_is_pushed(mesh: Mesh, client: Inside) -> None:
    mesh.apply_text(
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata:\n  name: secret\n"
        "spec:\n  hosts: [secret.example.com]\n  resolution: STATIC\n"
        "  ports: [{number: 8443, name: tls, protocol: TLS}]\n  endpoints: [{address: 198.18.0.99}]\n"
    )
    there = clusters(mesh)
    assert [name for name in there if "secret.example.com" in name]
    assert [name for name in there if "echo-headless" in name and "|8080|" in name]
    assert [name for name in there if "|7000|" in name and "|echo.default" in name]
    assert [name for name in there if "|undeclared.default" in name]
    assert not [name for name in there if "untouched" in name]
    mesh.run("delete", "serviceentry", "secret")


def test_what_one_replica_calls_all_of_them_hold(mesh: Mesh, client: Inside) -> None:
    made = (HERE / "manifests/client.yaml").read_text()
    mesh.run("apply", "-f", "-", text=made.replace("\nspec:\n  selector:", "\nspec:\n  replicas: 2\n  selector:"))
    mesh.ready("client")
    try:
        eventually(lambda: len(_pods(mesh)) == 2)
        assert client.ask("shared").status == 200
        for pod in _pods(mesh):
            eventually(lambda pod=pod: "shared.default" in mesh.run("proxy-config", "routes", pod, "-o", "json"))
    finally:
        mesh.run("apply", "-f", "-", text=made)
        eventually(lambda: len(_pods(mesh)) == 1, 30)


def test_a_sidecar_that_starts_again_while_nobody_tells_it_anything(mesh: Mesh) -> None:
    """It has what was called when there is a control plane again; the others went on."""
    client = enter(mesh, "client-")
    try:
        assert client.ask("returns").status == 200
        envoy = _envoy(mesh)
        with away(mesh):
            assert client.ask("returns").status == 200
            os.kill(envoy, signal.SIGKILL)
        assert eventually(lambda: "returns.default" in _routes(mesh), 60)
        assert eventually(lambda: client.ask("returns", patience=5).status == 200, 30)
        assert "untouched.default" not in held(mesh)
    finally:
        client.close()


def test_a_name_that_was_refused_is_served_when_somebody_has_it(mesh: Mesh) -> None:
    """Asked for while nobody had it: Envoy does not ask again, and need not."""
    client = enter(mesh, "client-")
    try:
        bare, name = client.address("bare"), "late"
        assert client.ask(name, to=bare).body.startswith("bare")
        mesh.run("apply", "-f", "-", text=_late(name))
        assert eventually(lambda: not client.ask(name, to=bare).body.startswith("bare"))
        mesh.run("delete", "service", name)
        assert eventually(lambda: client.ask(name, to=bare).body.startswith("bare"))
        assert client.ask(UNKNOWN, to=bare).status == 200
    finally:
        client.close()


def _late(name: str) -> str:
    return (
        f"apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n"
        "spec:\n  selector: {app: echo}\n  ports: [{name: http, port: 80, targetPort: 8080}]\n"
    )


def _pods(mesh: Mesh) -> list[str]:
    items = mesh.json("get", "pods")["items"]
    named = [one["metadata"] for one in items if one["metadata"]["name"].startswith("client-")]
    return [one["name"] for one in named if "deletionTimestamp" not in one]


def _routes(mesh: Mesh) -> str:
    try:
        return held(mesh)
    except AssertionError:
        return ""  # its Envoy is starting


def _envoy(mesh: Mesh) -> int:
    """Of the client's sidecar."""
    pod = mesh.pod("client-").encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "comm").read_text() == "envoy\n" and pod in (folder / "environ").read_bytes():
                return int(folder.name)
        except OSError:
            continue
    raise AssertionError("no Envoy")
