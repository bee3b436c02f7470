"""Who is calling: mutual TLS between sidecars of a ten-pod mesh, without the application knowing."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from e2e.callers import peers
from e2e.load import calls
from e2e.mesh import HERE, Mesh, missing
from e2e.strangers import credential, other_authority, own_authority

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WORD = "swordfish"
"""What no packet between sidecars may show."""
SPIFFE = "spiffe://cluster.local/ns/default/sa"
WITH_ONE_REQUEST = (
    "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata:\n  name: echo\nspec:\n  host: echo\n"
    "  trafficPolicy: {connectionPool: {http: {maxRequestsPerConnection: 1}}}\n"
)
"""A new connection, and so a new handshake, for each request."""


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Generator[Mesh]:
    """Ten pods: a gateway, six servers, two clients and one pod without a sidecar."""
    if why := missing():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("tls")
    images = folder / "images.yaml"
    images.write_text(f"images:\n- image: example/echo\n  entrypoint: ['{{python}}', '{HERE / 'apps/echo.py'}']\n")
    files: list[str | Path] = []
    for name, replicas in (("echo", 3), ("client", 2)):
        text = (HERE / f"manifests/{name}.yaml").read_text()
        text = re.sub(
            r"spec:\n(?=  selector:\n    matchLabels: \{app: (echo|client))", f"spec:\n  replicas: {replicas}\n", text
        )
        (folder / f"{name}.yaml").write_text(text)
        files += ["-f", folder / f"{name}.yaml"]
    mesh = Mesh(folder / "state")
    try:
        mesh.up("--images", images, *files)
        yield mesh
    finally:
        mesh.down()


@pytest.fixture
def plain(mesh: Mesh) -> Generator[Mesh]:
    """The mesh without any policy, before and after."""
    yield mesh
    for kind in ("peerauthentications", "destinationrules"):
        for item in mesh.json("get", kind)["items"]:
            if item["metadata"]["name"] != "echo-subsets":
                mesh.run("delete", kind, item["metadata"]["name"])


@pytest.fixture(scope="module")
def client(mesh: Mesh) -> str:
    return mesh.pod("client-")


@pytest.fixture(scope="module")
def bare(mesh: Mesh) -> str:
    return mesh.pod("bare-")


def curl(mesh: Mesh, pod: str, url: str, *options: str) -> str:
    """Status and body of one request; status 000 where the connection failed."""
    program = ("curl", "-sS", "--max-time", "5", "-w", "%{http_code}", *options, url)
    return mesh.exec(pod, *program, status=(0, *range(1, 100)))


@contextmanager
def watched(mesh: Mesh, pod: str) -> Generator[dict[str, Any]]:
    """What crosses a pod's wire meanwhile; filled in at the end."""
    uid = mesh.json("get", "pod", pod)["metadata"]["uid"]
    pid = (mesh.state / "pods" / uid / "sandbox.pid").read_text().strip()
    command = ["nsenter", f"--net=/proc/{pid}/ns/net", sys.executable, HERE / "apps/capture.py", WORD]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    found: dict[str, Any] = {}
    yield found
    found.update(json.loads(process.communicate(timeout=30)[0]))


def say(mesh: Mesh, pod: str, host: str, port: int) -> str:
    """One line there and back over TCP; empty where the connection is closed."""
    program = (
        "import socket,sys; s=socket.create_connection((sys.argv[1],int(sys.argv[2])),5); s.settimeout(5); "
        "s.sendall(sys.argv[3].encode()+b'\\n'); print(s.makefile().readline(),end='')"
    )
    return mesh.exec(pod, sys.executable, "-c", program, host, str(port), WORD, status=(0, 1))


# === what crosses the wire ===


def test_no_packet_between_sidecars_shows_what_is_said(mesh: Mesh, client: str) -> None:
    address = f"http://echo/{WORD}"
    with watched(mesh, client) as seen:
        assert curl(mesh, client, address).endswith("200")
        assert curl(mesh, client, f"http://undeclared:8081/{WORD}").endswith("200")
        assert curl(mesh, client, f"http://echo-headless:8080/{WORD}").endswith("200")
        assert WORD in say(mesh, client, "echo", 7000)
        assert WORD in say(mesh, client, "undeclared", 7001)
        assert say(mesh, client, "echo", 2525).startswith("220")

    assert seen["packets"] > 10
    assert seen["words"] == 0
    assert set(seen["hellos"]) == {"TLSv1.3"}


def test_a_capture_sees_plain_text_where_there_is_some(mesh: Mesh, bare: str) -> None:
    with watched(mesh, bare) as seen:
        assert curl(mesh, bare, f"http://echo/{WORD}").endswith("200")

    assert seen["words"] > 0


# === what the application is told ===


@pytest.mark.parametrize("url", ["http://echo/headers", "http://undeclared:8081/headers"])
def test_the_application_sees_who_called(mesh: Mesh, client: str, url: str) -> None:
    head = curl(mesh, client, url)

    (found,) = re.findall(r"^x-forwarded-client-cert: (.*)$", head, re.MULTILINE | re.IGNORECASE)
    assert f"By={SPIFFE}/default" in found
    assert f"URI={SPIFFE}/client" in found
    assert "DNS=client.default.workload" in found


@pytest.mark.parametrize("who", ["client", "bare"])
def test_nobody_can_say_he_is_another(mesh: Mesh, who: str) -> None:
    forged = f"X-Forwarded-Client-Cert: By={SPIFFE}/x;URI={SPIFFE}/admin"

    head = curl(mesh, mesh.pod(f"{who}-"), "http://echo/headers", "-H", forged)

    assert head.endswith("200")
    assert "/admin" not in head
    assert head.lower().count("x-forwarded-client-cert") == (1 if who == "client" else 0)


def by_hand(mesh: Mesh, bare: str, credential: Path) -> str:
    """The head of a request that a pod without sidecar makes over TLS with a certificate of its own; or what failed."""
    program = (
        "import socket,ssl,sys\n"
        "c=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT); c.check_hostname=False; c.verify_mode=ssl.CERT_NONE\n"
        "c.load_cert_chain(sys.argv[1]); c.set_alpn_protocols(['istio-http/1.1'])\n"
        "try:\n"
        " s=c.wrap_socket(socket.create_connection(('echo',80),5), server_hostname='echo')\n"
        " s.sendall(b'GET /headers HTTP/1.1\\r\\nHost: echo\\r\\nConnection: close\\r\\n\\r\\n')\n"
        " print(b''.join(iter(lambda: s.recv(4096), b'')).decode())\n"
        "except OSError as e: print(type(e).__name__)"
    )
    return mesh.exec(bare, sys.executable, "-c", program, str(credential))


def test_a_certificate_of_the_mesh_is_believed_and_no_other(mesh: Mesh, bare: str, tmp_path: Path) -> None:
    own, other = own_authority(mesh.state), other_authority()

    good = by_hand(mesh, bare, credential(own, "cluster.local", tmp_path))
    assert f"URI={SPIFFE}/stranger" in good

    for bad in (credential(other, "cluster.local", tmp_path), credential(own, "elsewhere", tmp_path)):
        said = by_hand(mesh, bare, bad)
        assert "HTTP" not in said
        assert "Error" in said


def test_http_2_stays_http_2(mesh: Mesh, client: str) -> None:
    program = (
        "import grpc; c=grpc.insecure_channel('echo:9000'); "
        "print(c.unary_unary('/test.Echo/Say')(b'hello', timeout=10).decode())"
    )
    assert mesh.exec(client, sys.executable, "-c", program).split()[1] == "hello"


def test_an_upgraded_connection_stays_open(mesh: Mesh, client: str) -> None:
    program = (
        "import socket,sys; s=socket.create_connection(('echo',80),5); f=s.makefile('rwb')\n"
        "f.write(b'GET / HTTP/1.1\\r\\nHost: echo\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n')\n"
        "f.flush()\n"
        "line=f.readline(); head=line\n"
        "while line.strip(): line=f.readline()\n"
        "for word in (b'one\\n', b'two\\n'): f.write(word); f.flush(); print(f.readline().decode().split()[1])\n"
        "print(head.split()[1].decode())"
    )
    assert mesh.exec(client, sys.executable, "-c", program).split() == ["one", "two", "101"]


def connections(mesh: Mesh, client: str, kind: str) -> int:
    """How many connections the client's Envoy made to echo."""
    said = mesh.exec(client, "pilot-agent", "request", "GET", f"stats?filter={kind}", container="istio-proxy")
    lines = [line for line in said.splitlines() if line.startswith("cluster.outbound|80||echo.default")]
    return sum(int(line.rpartition(": ")[2]) for line in lines)


def test_connections_are_kept_and_http_1_stays_http_1(mesh: Mesh, client: str) -> None:
    assert curl(mesh, client, "http://echo/").endswith("200")
    before = connections(mesh, client, "upstream_cx_total")

    for _ in range(10):
        assert curl(mesh, client, "http://echo/").endswith("200")

    assert connections(mesh, client, "upstream_cx_total") <= before + 6  # at most one to each endpoint
    assert connections(mesh, client, "upstream_cx_http2_total") == 0


def test_http_2_between_sidecars_where_a_rule_asks_for_it(plain: Mesh, client: str) -> None:
    plain.apply_text(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata:\n  name: echo\nspec:\n  host: echo\n"
        "  trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}\n"
    )

    assert curl(plain, client, "http://echo/headers").startswith("GET /headers HTTP/1.1")
    assert connections(plain, client, "upstream_cx_http2_total") > 0


# === what a workload demands ===


def test_strict_refuses_whom_permissive_serves(plain: Mesh, client: str, bare: str) -> None:
    assert curl(plain, bare, "http://echo/").endswith("200")

    plain.apply_text(peers("STRICT"))
    assert curl(plain, bare, "http://echo/").endswith("000")
    assert say(plain, bare, "echo", 7000) == ""
    assert curl(plain, client, "http://echo/").endswith("200")
    assert WORD in say(plain, client, "echo", 7000)

    plain.apply_text(peers("PERMISSIVE"))
    assert curl(plain, bare, "http://echo/").endswith("200")


def test_one_port_may_be_left_out(plain: Mesh, bare: str) -> None:
    plain.apply_text(
        peers("STRICT", "  selector: {matchLabels: {app: echo}}\n  portLevelMtls: {7000: {mode: DISABLE}}\n")
    )

    assert curl(plain, bare, "http://echo/").endswith("000")
    assert WORD in say(plain, bare, "echo", 7000)


def test_a_workload_may_take_no_mutual_tls(plain: Mesh, client: str) -> None:
    plain.apply_text(peers("DISABLE"))

    with watched(plain, client) as seen:
        assert curl(plain, client, f"http://echo/{WORD}").endswith("200")
    assert seen["words"] > 0


def test_from_permissive_to_strict_and_back_under_load(plain: Mesh, client: str) -> None:
    with calls(plain, client, "http://echo/"):
        for mode in ("STRICT", "PERMISSIVE", "STRICT"):
            time.sleep(2)
            plain.apply_text(peers(mode))


@pytest.mark.parametrize("mode", ["ISTIO_MUTUAL", "DISABLE"])
def test_a_rule_may_say_how_to_call(plain: Mesh, client: str, mode: str) -> None:
    plain.apply_text(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata:\n  name: echo\nspec:\n  host: echo\n"
        f"  trafficPolicy: {{tls: {{mode: {mode}}}}}\n"
    )

    with watched(plain, client) as seen:
        assert curl(plain, client, f"http://echo/{WORD}").endswith("200")
    assert (seen["words"] > 0) is (mode == "DISABLE")


# === certificates under way ===


def test_a_root_rotation_forth_and_back_under_new_connections(plain: Mesh, client: str) -> None:
    plain.apply_text(WITH_ONE_REQUEST)
    before = plain.json("ca", "status")
    with calls(plain, client, "http://echo/", "Connection: close"):
        plain.run("ca", "rotate", "--all", "--timeout", "60", limit=200)
        assert plain.json("ca", "status") != before
        plain.run("ca", "rotate", "--all", "--timeout", "60", limit=200)
