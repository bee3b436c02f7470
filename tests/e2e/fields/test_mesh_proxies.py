"""Settings of the mesh that change what proxies do with every request, by real traffic."""

import re
from pathlib import Path
from socket import create_connection
from urllib.parse import urlsplit

import pytest

from e2e.fields.settings import Settings, edge, seen, through
from e2e.fields.shown import shows
from e2e.fields.test_gateway import SELECT
from e2e.fields.world import World
from e2e.mesh import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

MC = "MeshConfig"


@shows(MC, "defaultConfig.gatewayTopology.numTrustedProxies")
def test_addresses_of_clients_before_trusted_proxies(world: World, settings: Settings) -> None:
    edge(world)
    said = "1.1.1.1, 2.2.2.2, 3.3.3.3"
    assert seen(world.mesh, X_Forwarded_For=said).get("x-envoy-external-address") != "2.2.2.2"
    settings.put("defaultConfig: {gatewayTopology: {numTrustedProxies: 2}}")
    assert seen(world.mesh, X_Forwarded_For=said)["x-envoy-external-address"] == "2.2.2.2"


@shows(MC, "defaultConfig.gatewayTopology.forwardClientCertDetails")
def test_what_a_client_says_of_certificates(world: World, settings: Settings) -> None:
    edge(world)
    assert "x-forwarded-client-cert" not in _outer(world, "Hash=abc")
    settings.put("defaultConfig: {gatewayTopology: {forwardClientCertDetails: ALWAYS_FORWARD_ONLY}}")
    assert _outer(world, "Hash=abc")["x-forwarded-client-cert"].startswith("Hash=abc")


def _outer(world: World, said: str) -> dict[str, str]:
    """As `seen`, by a Service whose pods have no sidecar, which would write the header anew."""
    edge(world, "{host: bare, port: {number: 80}}")
    return seen(world.mesh, X_Forwarded_Client_Cert=said)


@shows(MC, "defaultConfig.gatewayTopology.proxyProtocol")
def test_connections_that_begin_with_a_proxy_header(world: World, settings: Settings) -> None:
    edge(world)
    assert through(world.mesh)[0] == 200
    settings.put("defaultConfig: {gatewayTopology: {proxyProtocol: {}}}")
    parts = urlsplit(world.mesh.address)
    with create_connection((parts.hostname or "", parts.port or 80), 10) as sock:
        sock.sendall(b"PROXY TCP4 203.0.113.9 10.0.0.1 1234 80\r\nGET /headers HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"203.0.113.9" in sock.recv(4096)


@shows(
    MC,
    "defaultConfig.proxyHeaders.requestId.disabled",
    "defaultConfig.proxyHeaders.attemptCount.disabled",
    "defaultConfig.proxyHeaders.envoyDebugHeaders.disabled",
    "defaultConfig.proxyHeaders.server.value",
)
def test_headers_that_proxies_make(world: World, settings: Settings) -> None:
    edge(world, "{host: bare, port: {number: 80}}")
    assert {"x-request-id", "x-envoy-attempt-count"} <= set(seen(world.mesh))
    answer = through(world.mesh)[1]
    assert answer["server"] == "istio-envoy"
    assert "x-envoy-upstream-service-time" in answer
    settings.put(
        "defaultConfig:\n  proxyHeaders:\n    requestId: {disabled: true}\n    attemptCount: {disabled: true}\n"
        "    envoyDebugHeaders: {disabled: true}\n    server: {value: edge}"
    )
    assert not {"x-request-id", "x-envoy-attempt-count"} & set(seen(world.mesh))
    answer = through(world.mesh)[1]
    assert answer["server"] == "edge"
    assert "x-envoy-upstream-service-time" not in answer


@shows(MC, "defaultConfig.proxyHeaders.server.disabled")
def test_the_name_of_the_application(world: World, settings: Settings) -> None:
    edge(world)
    settings.put("defaultConfig: {proxyHeaders: {server: {disabled: true}}}")
    assert "server" not in through(world.mesh)[1]


@shows(MC, "defaultConfig.proxyHeaders.forwardedClientCert")
def test_what_a_workload_is_told_of_its_caller(world: World, settings: Settings) -> None:
    world.virtual_service("http: [{route: [{destination: {host: echo, subset: one}}]}]")
    assert "spiffe://" in world.client.seen("echo")["x-forwarded-client-cert"]
    settings.put("defaultConfig: {proxyHeaders: {forwardedClientCert: SANITIZE}}")
    eventually(lambda: "x-forwarded-client-cert" not in world.client.seen("echo"))


@shows(
    MC,
    "defaultConfig.proxyHeaders.setCurrentClientCertDetails.uri",
    "defaultConfig.proxyHeaders.setCurrentClientCertDetails.subject",
    "defaultConfig.proxyHeaders.setCurrentClientCertDetails.cert",
    "defaultConfig.proxyHeaders.setCurrentClientCertDetails.chain",
    "defaultConfig.proxyHeaders.setCurrentClientCertDetails.dns",
)
def test_what_of_a_callers_certificate_is_told(world: World, settings: Settings) -> None:
    world.virtual_service("http: [{route: [{destination: {host: echo, subset: one}}]}]")

    def told() -> set[str]:
        header = world.client.seen("echo").get("x-forwarded-client-cert", "")
        return {part.partition("=")[0] for part in header.split(";")}

    eventually(lambda: {"Subject", "URI"} <= told())
    settings.put("defaultConfig: {proxyHeaders: {setCurrentClientCertDetails: {cert: true, chain: true, dns: true}}}")
    eventually(lambda: {"Cert", "Chain"} <= told() and not {"Subject", "URI"} & told())


@shows(MC, "tcpKeepalive")
def test_connections_are_kept_alive(world: World, settings: Settings) -> None:
    settings.put("tcpKeepalive: {probes: 3, time: 75s, interval: 5s}")
    world.virtual_service("http: [{route: [{destination: {host: echo, subset: one}}]}]")
    assert world.client.ask("echo").status == 200
    sockets = world.client.do(lambda: Path("/proc/thread-self/net/tcp").read_text())
    # Column `tr tm->when`: timer 2 is keepalive.
    assert any(line.split()[5].startswith("02:") for line in sockets.splitlines()[1:])


@shows(MC, "defaultConfig.proxyHeaders.xForwardedHost.enabled", "defaultConfig.proxyHeaders.xForwardedPort.enabled")
def test_what_was_asked_for(world: World, settings: Settings) -> None:
    port = "port: {number: 80, name: http, protocol: HTTP}"
    world.apply("Gateway", "edge", f"{SELECT}servers: [{{{port}, hosts: ['*']}}]")
    to = "{host: bare, port: {number: 80}}"
    rule = f"{{rewrite: {{authority: other.example.com}}, route: [{{destination: {to}}}]}}"
    world.virtual_service(f"hosts: ['*']\ngateways: [edge]\nhttp: [{rule}]", name="edge")
    assert not {"x-forwarded-host", "x-forwarded-port"} & set(seen(world.mesh))
    settings.put("defaultConfig: {proxyHeaders: {xForwardedHost: {enabled: true}, xForwardedPort: {enabled: true}}}")
    found = seen(world.mesh)
    assert found["host"] == "other.example.com"
    assert found["x-forwarded-host"] in world.mesh.address
    assert found["x-forwarded-port"].isdecimal()


@shows(MC, "defaultConfig.proxyHeaders.preserveHttp1HeaderCase.enabled")
def test_letters_of_headers(world: World, settings: Settings) -> None:
    """What a request says comes through two proxies, and what the answer says back through both."""
    world.virtual_service("http: [{route: [{destination: {host: echo, subset: one}}]}]")
    said = b"GET /headers HTTP/1.1\r\nHost: echo\r\nX-MixedCase: yes\r\nConnection: close\r\n\r\n"

    def letters() -> tuple[bool, bool]:
        """Of the request at the server, of the answer at the client."""
        address = world.client.address("echo")

        def work() -> str:
            with create_connection((address, 80), 10) as sock:
                sock.sendall(said)
                return sock.makefile(newline="").read()

        found = world.client.do(work)
        return "X-MixedCase: yes" in found, "X-Served-By: " in found

    assert letters() == (False, False)
    settings.put("defaultConfig: {proxyHeaders: {preserveHttp1HeaderCase: {enabled: true}}}")
    eventually(lambda: letters() == (True, True))


@shows(MC, "outboundClusterStatName", "inboundClusterStatName")
def test_what_metrics_are_called(world: World, settings: Settings) -> None:
    world.virtual_service("http: [{route: [{destination: {host: echo, subset: one}}]}]")
    settings.put(
        "outboundClusterStatName: 'out-%SERVICE%-%SERVICE_PORT_NAME%-%SUBSET_NAME%'\n"
        "inboundClusterStatName: 'Inbound-%SERVICE_FQDN%-%SERVICE_PORT%-%TARGET_PORT%'"
    )
    assert world.client.ask("echo").status == 200

    def counted(pod: str, metric: str) -> str:
        words = ("pilot-agent", "request", "GET", f"stats?filter={metric}")
        return world.mesh.exec(world.mesh.pod(pod), *words, container="istio-proxy")

    assert "cluster.out-echo.default-http-one.upstream_cx_total: 1" in counted("client-", "upstream_cx_total")
    # Several services name the port; the oldest gives the name.
    own = counted("echo-one-", "upstream_rq_active").splitlines()
    assert any(
        re.match(r"cluster\.Inbound-\S+\.default\.svc\.cluster\.local-\d+-8080\.upstream_rq", line) for line in own
    )
