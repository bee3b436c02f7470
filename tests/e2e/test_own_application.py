"""An application that is in no sample, with an image map of its own, is routed on every protocol."""

import sys
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest

from e2e.mesh import HERE, Mesh, missing

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

REQUEST = ("pilot-agent", "request", "GET")


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Generator[Mesh]:
    if why := missing():
        pytest.skip(why)
    images = tmp_path_factory.mktemp("images") / "images.yaml"
    images.write_text(f"images:\n- image: example/echo\n  entrypoint: ['{{python}}', '{HERE / 'apps/echo.py'}']\n")
    settings = images.with_name("mesh.yaml")
    settings.write_text("protocolDetectionTimeout: 1s\n")
    mesh = Mesh(tmp_path_factory.mktemp("echo"))
    try:
        manifests = HERE / "manifests"
        mesh.up(
            "--images", images, "--mesh-config", settings,
            "-f", manifests / "echo.yaml", "-f", manifests / "client.yaml",
        )  # fmt: skip
        yield mesh
    finally:
        mesh.down()


@pytest.fixture(scope="module")
def client(mesh: Mesh) -> str:
    return mesh.pod("client-")


@pytest.fixture
def routed(mesh: Mesh) -> Generator[Mesh]:
    """The mesh, rid of VirtualServices afterwards."""
    yield mesh
    for item in mesh.json("get", "virtualservices")["items"]:
        mesh.run("delete", "virtualservice", item["metadata"]["name"])


def route(mesh: Mesh, spec: str) -> None:
    mesh.apply_text(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: echo\nspec:\n  hosts: [echo]\n"
        + spec
    )


def served(mesh: Mesh, client: str, url: str, count: int = 20) -> Counter[str]:
    """Which version answered so many requests of curl."""
    urls = f"{url}?n=[1-{count}]"
    return Counter(line.split()[0] for line in mesh.exec(client, "curl", "-sS", urls).splitlines())


def lines(mesh: Mesh, client: str, host: str, port: int, say: str = "hello\n") -> str:
    """What a server says on a TCP connection until it has echoed one line."""
    program = (
        "import socket,sys; s=socket.create_connection((sys.argv[1],int(sys.argv[2])),10); "
        "s.sendall(sys.argv[3].encode()); f=s.makefile(); "
        "print(f.readline(),end=''); s.shutdown(1); print(f.read(),end='')"
    )
    return mesh.exec(client, sys.executable, "-c", program, host, str(port), say)


def greeting(mesh: Mesh, client: str, host: str, port: int) -> str:
    """What a server says to a client that says nothing."""
    program = (
        "import socket,sys; s=socket.create_connection((sys.argv[1],int(sys.argv[2])),5); "
        "s.settimeout(20); print(s.recv(100).decode(),end='')"
    )
    return mesh.exec(client, sys.executable, "-c", program, host, str(port))


def given_up(mesh: Mesh, client: str) -> int:
    """How many connections the client's Envoy stopped waiting for the first bytes of, by its own count."""
    said = mesh.exec(client, *REQUEST, "stats?filter=downstream_pre_cx_timeout", container="istio-proxy")
    return sum(int(line.rpartition(": ")[2]) for line in said.splitlines() if line.startswith("listener."))


def test_http_reaches_both_versions(mesh: Mesh, client: str) -> None:
    assert set(served(mesh, client, "http://echo/")) == {"one", "two"}


@pytest.mark.parametrize("name", ["echo", "echo.default", "echo.default.svc", "echo.default.svc.cluster.local"])
def test_short_names_lead_to_the_service(routed: Mesh, client: str, name: str) -> None:
    route(routed, "  http:\n  - route:\n    - destination: {host: echo, subset: two}\n")

    assert served(routed, client, f"http://{name}/") == Counter(two=20)


def test_weights(routed: Mesh, client: str) -> None:
    route(
        routed,
        "  http:\n  - route:\n    - destination: {host: echo, subset: one}\n      weight: 75\n"
        "    - destination: {host: echo, subset: two}\n      weight: 25\n",
    )

    seen = served(routed, client, "http://echo/", 200)
    assert abs(seen["one"] - 150) < 4.5 * (200 * 0.75 * 0.25) ** 0.5


def test_a_timeout_ends_a_slow_request(routed: Mesh, client: str) -> None:
    route(routed, "  http:\n  - timeout: 0.5s\n    route:\n    - destination: {host: echo, subset: one}\n")

    code = routed.exec(client, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://echo/?delay=3")
    assert code == "504"


def test_grpc_is_balanced_request_by_request(mesh: Mesh, client: str) -> None:
    said = mesh.exec(client, sys.executable, str(HERE / "apps/call_grpc.py"), "echo:9000", "hello", "20")

    assert {line.split()[0] for line in said.splitlines()} == {"one", "two"}


def test_grpc_follows_a_subset(routed: Mesh, client: str) -> None:
    route(routed, "  http:\n  - route:\n    - destination: {host: echo, subset: one}\n")

    said = routed.exec(client, sys.executable, str(HERE / "apps/call_grpc.py"), "echo:9000", "hello", "10")
    assert set(said.splitlines()) == {"one hello"}


def test_raw_tcp_passes(mesh: Mesh, client: str) -> None:
    assert lines(mesh, client, "echo", 7000).split() in (["one", "hello"], ["two", "hello"])


def test_tcp_follows_a_route(routed: Mesh, client: str) -> None:
    route(
        routed,
        "  tcp:\n  - match: [{port: 7000}]\n    route:\n"
        "    - destination: {host: echo, subset: two, port: {number: 7000}}\n",
    )

    assert {lines(routed, client, "echo", 7000) for _ in range(6)} == {"two hello\n"}


def test_a_declared_server_that_speaks_first_does_not_stall(mesh: Mesh, client: str) -> None:
    before = given_up(mesh, client)

    assert greeting(mesh, client, "echo", 2525).startswith("220 ")
    assert given_up(mesh, client) == before


def test_an_undeclared_server_that_speaks_first_is_waited_for_once(mesh: Mesh, client: str) -> None:
    before = given_up(mesh, client)

    assert greeting(mesh, client, "undeclared", 2526).startswith("220 ")
    assert given_up(mesh, client) == before + 1


def test_an_undeclared_port_is_a_finding(mesh: Mesh) -> None:
    found = mesh.json("status", status=(0, 1))["findings"]

    assert [f["code"] for f in found if f["resource"]["name"] == "undeclared" and f["path"] == "spec.ports[2]"] == [
        "M3109"
    ]


def test_undeclared_protocols_are_recognised(mesh: Mesh, client: str) -> None:
    assert set(served(mesh, client, "http://undeclared:8081/")) == {"one", "two"}
    assert lines(mesh, client, "undeclared", 7001).split()[1] == "hello"


def test_a_headless_service_is_reached_by_name_and_by_address(mesh: Mesh, client: str) -> None:
    addresses = mesh.exec(client, "getent", "ahostsv4", "echo-headless").split()
    pods = {word for word in addresses if word.startswith("198.18.")}

    assert len(pods) == 2
    assert set(served(mesh, client, "http://echo-headless:8080/")) <= {"one", "two"}
    for pod in pods:
        assert lines(mesh, client, pod, 7000).split()[1] == "hello"


def test_probes_of_the_application_are_answered_through_the_sidecar(mesh: Mesh) -> None:
    pods = mesh.json("get", "pods", "-l", "app=echo")["items"]

    assert all(status["ready"] for pod in pods for status in pod["status"]["containerStatuses"])


def test_a_pod_without_sidecar_is_reached(mesh: Mesh, client: str) -> None:
    assert served(mesh, client, "http://bare/", 5) == Counter(bare=5)
    assert lines(mesh, client, "bare", 7000).split() == ["bare", "hello"]


def test_a_pod_without_sidecar_calls_services_by_name(mesh: Mesh) -> None:
    bare = mesh.pod("bare-")
    containers = mesh.json("get", "pod", bare)["spec"]["containers"]

    assert [container["name"] for container in containers] == ["echo"]
    assert len(served(mesh, bare, "http://echo/")) == 1  # one connection, kept: nobody between it and one pod
    assert lines(mesh, bare, "echo.default.svc.cluster.local", 7000).split()[1] == "hello"


@pytest.mark.parametrize("port", [15020, 15021, 15090])
def test_a_service_on_a_port_of_the_proxy_itself(routed: Mesh, client: str, port: int) -> None:
    routed.apply_text(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: busy\nspec:\n  hosts: [busy]\n"
        "  http:\n  - headers: {request: {set: {x-seen: routed}}}\n    route:\n    - destination: {host: busy}\n"
    )

    assert set(served(routed, client, f"http://busy:{port}/")) == {"one", "two"}


def test_an_image_that_no_map_names_says_so(mesh: Mesh, tmp_path: Path) -> None:
    mesh.run(
        "apply", "-f", "-", text="apiVersion: v1\nkind: Pod\nmetadata: {name: unknown}\n"
        "spec: {containers: [{name: c, image: nobody/knows}]}\n",
    )  # fmt: skip
    try:
        mesh.run("wait", "pod/unknown", "--timeout", "3s", status=(1,))
        assert "nobody/knows" in str(mesh.json("get", "pod", "unknown")["status"])
    finally:
        mesh.run("delete", "pod", "unknown")
