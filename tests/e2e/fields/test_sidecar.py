"""Fields of Sidecar, each by real traffic through real Envoys."""

import socket
import ssl
from collections.abc import Generator

import pytest

from e2e.fields.conftest import enter
from e2e.fields.inside import Inside
from e2e.fields.shown import shows
from e2e.fields.world import World
from e2e.mesh import Mesh, eventually
from e2e.test_gateway_tls import Certificates

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SC = "Sidecar"
CLIENT = "workloadSelector: {labels: {app: client}}\n"
SERVER = "workloadSelector: {labels: {app: echo, version: one}}\n"
ECHO = "./echo.default.svc.cluster.local"
NOWHERE = "192.0.2.7"
"""An address that no service has."""


@pytest.fixture(scope="module")
def server(mesh: Mesh) -> Generator[Inside]:
    """The network of the first version's pod."""
    inside = enter(mesh, "echo-one-")
    yield inside
    inside.close()


def only_one(world: World, port: int) -> None:
    """Connections go to the first version."""
    to = f"{{host: echo, subset: one, port: {{number: {port}}}}}"
    world.virtual_service(f"tcp: [{{match: [{{port: {port}}}], route: [{{destination: {to}}}]}}]")


def secured(client: Inside, address: str, port: int) -> str:
    """One line there and back inside of TLS."""

    def work() -> str:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with socket.create_connection((address, port), 10) as raw, context.wrap_socket(raw) as tls:
                tls.sendall(b"hello\n")
                return tls.makefile().readline().strip()
        except OSError:
            return ""

    return client.do(work)


@shows(SC, "egress[].hosts[]", "outboundTrafficPolicy.mode", "workloadSelector.labels")
def test_only_what_is_named_is_called(world: World) -> None:
    world.apply(
        SC, "client", f"{CLIENT}egress: [{{hosts: ['{ECHO}']}}]\noutboundTrafficPolicy: {{mode: REGISTRY_ONLY}}"
    )
    world.apply(SC, "others", "workloadSelector: {labels: {app: nobody}}\negress: [{hosts: ['~/*']}]")

    assert world.client.ask("echo").status == 200
    assert world.client.ask("bare").status == 502
    assert world.client.line("bare", 7000) == ""


@shows(SC, "egress[].port.number", "egress[].port.protocol", "egress[].port.name")
def test_a_listener_for_one_port(world: World) -> None:
    world.virtual_service("http: [{directResponse: {status: 200, body: {string: ruled}}}]")
    listener = "port: {number: 80, protocol: %s, name: x}, hosts: ['./*']"
    policy = "outboundTrafficPolicy: {mode: REGISTRY_ONLY}"
    world.apply(SC, "client", f"{CLIENT}egress: [{{{listener % 'HTTP'}}}]\n{policy}")
    assert world.client.ask("echo").body == "ruled"
    assert world.client.line("echo", 7000) == ""

    # Bytes are not read: the rule for requests does not hold.
    world.apply(SC, "client", f"{CLIENT}egress: [{{{listener % 'TCP'}}}]\n{policy}")
    assert world.client.ask("echo").body.split()[0] in ("one", "two")


@shows(SC, "egress[].bind", "egress[].captureMode")
def test_where_a_listener_listens(world: World) -> None:
    only_one(world, 7000)
    port = "port: {number: 7000, protocol: TCP, name: tcp}"
    world.apply(SC, "client", f"{CLIENT}egress: [{{{port}, bind: {NOWHERE}, hosts: ['{ECHO}']}}, {{hosts: ['./*']}}]")
    assert world.client.line("echo", 7000, to=NOWHERE) == "one hello"

    here = f"{port}, bind: 127.0.0.9, hosts: ['{ECHO}']"
    world.apply(SC, "client", f"{CLIENT}egress: [{{{here}}}, {{hosts: ['./*']}}]")
    assert world.client.line("echo", 7000, to="127.0.0.9") == ""  # loopback is not intercepted
    # The same place, bound now: Envoy must not crash (docs/envoy.md).
    bound = f"{here}, captureMode: NONE"
    world.apply(SC, "client", f"{CLIENT}egress: [{{{bound}}}, {{hosts: ['./*']}}]")
    assert world.client.line("echo", 7000, to="127.0.0.9") == "one hello"


@shows(SC, "host", "port.number", "subset", under="outboundTrafficPolicy.egressProxy.")
def test_unknown_calls_go_to_a_proxy(world: World) -> None:
    to = "{host: echo.default.svc.cluster.local, subset: two, port: {number: 7000}}"
    policy = f"outboundTrafficPolicy: {{mode: ALLOW_ANY, egressProxy: {to}}}"
    world.apply(SC, "client", f"{CLIENT}{policy}")

    assert {world.client.line("unknown", 7999, to=NOWHERE) for _ in range(6)} == {"two hello"}


@shows(SC, "ingress[].port.number", "ingress[].port.protocol", "ingress[].port.name", "ingress[].defaultEndpoint")
@pytest.mark.parametrize("endpoint", ["127.0.0.1:2525", "0.0.0.0:2525"])
def test_calls_are_handed_to_another_port(world: World, endpoint: str) -> None:
    only_one(world, 7000)
    assert world.client.line("echo", 7000) == "one hello"
    assert world.versions(20).keys() == {"one", "two"}  # on connections that are kept
    listener = f"port: {{number: 7000, protocol: TCP, name: tcp}}, defaultEndpoint: '{endpoint}'"
    world.apply(SC, "server", f"{SERVER}ingress: [{{{listener}}}]")

    assert world.client.line("echo", 7000) == "220 one"
    assert world.versions(20).keys() == {"one", "two"}  # other ports are handed on as they were called


@shows(SC, "ingress[].bind", "ingress[].captureMode")
def test_a_listener_that_is_not_intercepted(world: World, server: Inside) -> None:
    port = "port: {number: 7777, protocol: TCP, name: tcp}"
    world.apply(
        SC,
        "server",
        f"{SERVER}ingress: [{{{port}, bind: 127.0.0.8, captureMode: NONE, defaultEndpoint: '127.0.0.1:7000'}}]",
    )

    assert server.line("", 7777, to="127.0.0.8") == "one hello"


@shows(SC, "ingress[].connectionPool", "inboundConnectionPool")
@pytest.mark.parametrize(
    "spec",
    [
        "inboundConnectionPool: {tcp: {maxConnections: 1}}",
        "ingress: [{port: {number: 7000, protocol: TCP, name: tcp}, connectionPool: {tcp: {maxConnections: 1}}}]",
    ],
)
def test_connections_to_the_workload_are_limited(world: World, spec: str) -> None:
    only_one(world, 7000)
    world.apply(SC, "server", SERVER + spec)
    address = world.mesh.json("get", "service", "echo")["spec"]["clusterIP"]

    def two_at_a_time() -> list[str]:
        with socket.create_connection((address, 7000), 10) as held:
            held.sendall(b"held\n")
            first = held.makefile().readline().strip()
            with socket.create_connection((address, 7000), 10) as other:
                other.sendall(b"other\n")
                try:
                    return [first, other.makefile().readline().strip()]
                except ConnectionResetError:
                    return [first, ""]

    # Envoy counts connections for each of its threads a moment late: the limit holds as soon as it was seen.
    eventually(lambda: world.client.do(two_at_a_time) == ["one held", ""])


@shows(SC, "ingress[].tls")
def test_the_sidecar_ends_tls_of_strangers(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    only_one(world, 7000)
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = Certificates(folder).make("echo.example.com")
    pod = world.mesh.pod("echo-one-")
    for name, text in (("cert", certificate.read_text()), ("key", key.read_text())):
        world.mesh.exec(pod, "sh", "-c", f"echo '{text}' >/tmp/{name}.pem", container="istio-proxy")
    tls = "tls: {mode: SIMPLE, serverCertificate: /tmp/cert.pem, privateKey: /tmp/key.pem}"
    port = "port: {number: 7000, protocol: TLS, name: tls}, defaultEndpoint: '127.0.0.1:7000'"
    world.apply(
        "PeerAuthentication", "server",
        "selector: {matchLabels: {app: echo, version: one}}\nportLevelMtls: {7000: {mode: DISABLE}}", group="security",
    )  # fmt: skip
    world.apply(SC, "server", f"{SERVER}ingress: [{{{port}, {tls}}}]")

    address = world.client.address("echo")
    assert eventually(lambda: secured(world.client, address, 7000)) == "one hello"
