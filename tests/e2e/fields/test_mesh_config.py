"""Settings of MeshConfig, each changed while the mesh runs, by real traffic through real Envoys.

The mesh has one ConfigMap: every test writes it anew and takes it away again.
"""

import json
from itertools import count
from socket import create_connection

import pytest

from e2e.fields.settings import Settings
from e2e.fields.shown import shows
from e2e.fields.world import World
from e2e.mesh import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

MC = "MeshConfig"


@shows(MC, "outboundTrafficPolicy.mode")
def test_calls_to_unknown_hosts(world: World, settings: Settings) -> None:
    there = world.mesh.json("get", "pod", world.mesh.pod("bare-"))["status"]["podIP"]

    def ask() -> int:
        return world.client.ask("nobody", port=8080, to=there).status

    assert ask() == 200
    settings.put("outboundTrafficPolicy: {mode: REGISTRY_ONLY}")
    assert ask() == 502


@shows(MC, "pathNormalization.normalization")
def test_paths_are_made_plain(world: World, settings: Settings) -> None:
    world.virtual_service("http: [{route: [{destination: {host: echo, subset: one}}]}]")

    def path() -> str:
        return world.client.ask("echo", "/a/../b//c%2Fd").body.split()[1]

    assert path() == "/b//c%2Fd"
    # Between proxies a connection that is open keeps what it began with, until Envoy asks to make another.
    for word, wanted in (
        ("NONE", "/a/../b//c%2Fd"),
        ("MERGE_SLASHES", "/b/c%2Fd"),
        ("DECODE_AND_MERGE_SLASHES", "/b/c/d"),
        ("BASE", "/b//c%2Fd"),
    ):
        settings.put(f"pathNormalization: {{normalization: {word}}}")
        eventually(lambda wanted=wanted: path() == wanted)


@shows(MC, "defaultHttpRetryPolicy")
def test_retries_where_routes_say_nothing(world: World, settings: Settings) -> None:
    def status(key: str) -> int:
        return world.client.ask("echo", f"/?fails=3&key={key}").status

    world.virtual_service("http: [{route: [{destination: {host: echo, subset: one}}]}]")
    assert status("as-it-is") == 503
    settings.put("defaultHttpRetryPolicy: {attempts: 3, retryOn: 5xx}")
    assert status("retried") == 200


@shows(MC, "defaultInboundHttpRetryPolicy")
def test_retries_beside_the_workload(world: World, settings: Settings) -> None:
    world.virtual_service("http: [{route: [{destination: {host: echo, subset: one}}], retries: {attempts: 0}}]")
    assert world.client.ask("echo", "/?fails=2&key=inbound-once").status == 503
    settings.put("defaultInboundHttpRetryPolicy: {attempts: 2, retryOn: 5xx}")
    asked = count()
    eventually(lambda: world.client.ask("echo", f"/?fails=2&key=inbound-{next(asked)}").status == 200)


@shows(MC, "accessLogFile", "accessLogFormat", "accessLogEncoding")
def test_access_logs(world: World, settings: Settings) -> None:
    pod = world.mesh.pod("client-")

    def logged(word: str) -> str:
        text = world.mesh.run("logs", pod, "-c", "istio-proxy")
        return next((line for line in text.splitlines() if word in line), "")

    settings.put("accessLogFile: /dev/stdout")
    world.client.ask("echo", "/plain-log")
    assert '"GET /plain-log HTTP/1.1" 200' in str(eventually(lambda: logged("/plain-log")))
    settings.put("accessLogFile: /dev/stdout\naccessLogFormat: 'own %REQ(:PATH)% %RESPONSE_CODE%'")
    world.client.ask("echo", "/own-log")
    assert str(eventually(lambda: logged("/own-log"))).endswith("own /own-log 200")
    settings.put("accessLogFile: /dev/stdout\naccessLogEncoding: JSON")
    world.client.ask("echo", "/json-log")
    line = json.loads(str(eventually(lambda: logged("/json-log"))))
    assert (line["path"], line["response_code"]) == ("/json-log", 200)
    settings.put('accessLogFile: /dev/stdout\naccessLogEncoding: JSON\naccessLogFormat: \'{"p": "%REQ(:PATH)%"}\'')
    world.client.ask("echo", "/own-json")
    assert json.loads(str(eventually(lambda: logged("/own-json")))) == {"p": "/own-json"}


@shows(
    MC,
    "discoverySelectors[].matchLabels",
    "discoverySelectors[].matchExpressions[].key",
    "discoverySelectors[].matchExpressions[].operator",
    "discoverySelectors[].matchExpressions[].values[]",
)
def test_namespaces_that_are_looked_at(world: World, settings: Settings) -> None:
    world.virtual_service("http: [{directResponse: {status: 200, body: {string: ruled}}}]")
    assert world.client.ask("echo").body == "ruled"
    # Of the namespace `default` nothing is known any more: the call goes where the application was going.
    settings.put("discoverySelectors: [{matchLabels: {team: nobody}}]")
    assert world.client.ask("echo").body.split()[0] in ("one", "two")
    asked = "{key: kubernetes.io/metadata.name, operator: In, values: [default]}"
    settings.put(f"discoverySelectors: [{{matchExpressions: [{asked}]}}]")
    assert world.client.ask("echo").body == "ruled"


@shows(MC, "h2UpgradePolicy")
def test_requests_between_workloads_by_http2(world: World, settings: Settings) -> None:
    world.virtual_service("http: [{route: [{destination: {host: echo, subset: one}}]}]")

    def by_http2() -> int:
        text = world.mesh.exec(
            world.mesh.pod("client-"),
            "pilot-agent",
            "request",
            "GET",
            "stats?filter=http2_total",
            container="istio-proxy",
        )
        return sum(int(line.split(": ")[1]) for line in text.splitlines() if "echo.default" in line)

    assert world.client.ask("echo").status == 200
    before = by_http2()
    settings.put("h2UpgradePolicy: UPGRADE")
    assert world.client.ask("echo").status == 200
    assert by_http2() > before


@shows(MC, "defaultTrafficPolicy")
def test_a_policy_under_all_rules(world: World, settings: Settings) -> None:
    assert world.client.ask("modern", port=8082).status == 200
    settings.put("defaultTrafficPolicy: {tls: {mode: SIMPLE}}")
    assert world.client.ask("modern", port=8082).status == 503
    world.apply("DestinationRule", "modern", "host: modern\ntrafficPolicy: {tls: {mode: ISTIO_MUTUAL}}")
    assert world.client.ask("modern", port=8082).status == 200


@shows(MC, "defaultVirtualServiceExportTo[]")
def test_who_sees_rules_that_do_not_say(world: World, settings: Settings) -> None:
    world.virtual_service(
        "hosts: [echo.default.svc.cluster.local]\nhttp: [{directResponse: {status: 200, body: {string: ruled}}}]",
        namespace="istio-system",
    )
    assert world.client.ask("echo").body == "ruled"
    settings.put("defaultVirtualServiceExportTo: ['.']")
    assert world.client.ask("echo").body.split()[0] in ("one", "two")


@shows(MC, "defaultDestinationRuleExportTo[]")
def test_who_sees_policies_that_do_not_say(world: World, settings: Settings) -> None:
    world.apply(
        "DestinationRule",
        "bare",
        "host: modern.default.svc.cluster.local\ntrafficPolicy: {tls: {mode: SIMPLE}}",
        namespace="istio-system",
    )
    assert world.client.ask("modern", port=8082).status == 503
    settings.put("defaultDestinationRuleExportTo: ['.']")
    assert world.client.ask("modern", port=8082).status == 200


@shows(MC, "defaultServiceExportTo[]")
def test_who_sees_services_that_do_not_say(world: World, settings: Settings) -> None:
    there = world.mesh.json("get", "pod", world.mesh.pod("bare-"))["status"]["podIP"]
    entry = "hosts: [hidden.example.com]\nlocation: MESH_EXTERNAL\nresolution: STATIC\n"
    port = "ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]\n"
    world.apply("ServiceEntry", "hidden", f"{entry}{port}endpoints: [{{address: {there}}}]", namespace="istio-system")
    settings.put("outboundTrafficPolicy: {mode: REGISTRY_ONLY}")

    def status() -> int:
        return world.client.ask("hidden.example.com", to="192.0.2.9").status

    assert status() == 200
    settings.put("outboundTrafficPolicy: {mode: REGISTRY_ONLY}\ndefaultServiceExportTo: ['.']")
    assert status() == 502


@shows(MC, "protocolDetectionTimeout")
def test_servers_that_speak_first(world: World, settings: Settings) -> None:
    """`undeclared` says nothing of its port: both proxies wait for the client's first byte."""
    settings.put("protocolDetectionTimeout: 0.2s")

    def greeting() -> bytes:
        address = world.client.address("undeclared")

        def work() -> bytes:
            with create_connection((address, 2526), 10) as sock:
                return sock.recv(100)

        return world.client.do(work)

    assert greeting().startswith(b"220 ")


@shows(MC, "rootNamespace")
def test_where_what_holds_for_all_stands(world: World, settings: Settings) -> None:
    world.apply("Sidecar", "all", "egress: [{hosts: ['~/*']}]\noutboundTrafficPolicy: {mode: REGISTRY_ONLY}",
                namespace="istio-system")  # fmt: skip
    assert world.client.line("echo", 7000) == ""
    settings.put("rootNamespace: default")
    assert world.client.line("echo", 7000).endswith("hello")


@shows(MC, "inboundTrafficPolicy.mode")
def test_where_calls_to_the_own_workload_go(world: World, settings: Settings) -> None:
    """An application that listens on its pod's address only is not found at 127.0.0.1, and the other way round."""
    settings.put("inboundTrafficPolicy: {mode: LOCALHOST}")
    assert world.client.ask("echo").status == 200
    seen = world.mesh.run("proxy-config", "endpoints", world.mesh.pod("echo-one-"), "-o", "json")
    assert "127.0.0.1" in seen


@shows(MC, "localityLbSetting")
def test_places_are_preferred(world: World, settings: Settings) -> None:
    """The client is in eu/a. Endpoints there come first where outliers are looked for, unless the mesh says not to."""
    there = [world.mesh.json("get", "pod", world.mesh.pod(f"echo-{n}-"))["status"]["podIP"] for n in ("one", "two")]
    places = "".join(f"- {{address: {a}, locality: {p}}}\n" for a, p in zip(there, ("eu/a", "us/b"), strict=True))
    port = "ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]"
    world.apply(
        "ServiceEntry", "places", f"hosts: [places.example.com]\nlocation: MESH_EXTERNAL\nresolution: STATIC\n{port}\n"
        f"endpoints:\n{places}",
    )  # fmt: skip
    world.apply("DestinationRule", "places", "host: places.example.com\ntrafficPolicy: {outlierDetection: {}}")

    def served() -> set[str]:
        return {world.client.ask("places.example.com", to="192.0.2.9").body.split()[0] for _ in range(20)}

    assert served() == {"one"}
    settings.put("localityLbSetting: {enabled: false}")
    assert served() == {"one", "two"}
