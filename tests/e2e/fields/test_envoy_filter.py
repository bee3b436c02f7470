"""Fields of EnvoyFilter, each by real traffic through real Envoys."""

import json
import os
import signal
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from e2e.fields.conftest import enter
from e2e.fields.shown import shows
from e2e.fields.test_gateway import HOST, HTTPS, OTHER, gateway, secure
from e2e.fields.world import World
from e2e.mesh import Mesh, eventually
from e2e.test_gateway_tls import Certificates

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

EF = "EnvoyFilter"
LUA = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua"
MANAGER = "envoy.filters.network.http_connection_manager"
ECHO = "echo.default.svc.cluster.local"
CLIENT, SERVER = "workloadSelector: {labels: {app: client}}\n", "workloadSelector: {labels: {app: echo}}\n"
PATCHES, PATCHED = "configPatches[].", "spec.configPatches"
GATEWAY = (
    "selector: {istio: ingressgateway}\n"
    "servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [shop.example.com]}]"
)
SHOP = "hosts: [shop.example.com]\ngateways: [shop]\nhttp: [{route: [{destination: {host: modern}}]}]"
FRESH = "host: modern\ntrafficPolicy: {connectionPool: {http: {maxRequestsPerConnection: 1}}}"
"""A listener in another version keeps the connections that it has: each request comes by one of its own."""


def lua(name: str) -> str:
    """An HTTP filter that marks requests and answers."""
    code = f'function envoy_on_response(h) h:headers():add("x-{name}", "yes") end'
    seen = f'function envoy_on_request(h) h:headers():add("x-{name}", "yes") end'
    return f"name: {name}, typed_config: {{'@type': {LUA}, inline_code: '{seen} {code}'}}"


def patch(apply_to: str, match: str, operation: str, value: str = "", more: str = "") -> str:
    said = f", value: {{{value}}}" if value else ""
    return f"{{applyTo: {apply_to}, match: {{{match}}}, patch: {{operation: {operation}{said}{more}}}}}"


def apply(world: World, *patches: str, spec: str = CLIENT, name: str = "test", namespace: str = "default") -> None:
    text = spec + "configPatches:\n" + "".join(f"- {one}\n" for one in patches)
    world.apply(EF, name, text, namespace=namespace, version="v1alpha3")


def marks(headers: dict[str, str]) -> list[str]:
    """Which of the marks are there, in their order."""
    return [name.removeprefix("x-") for name in headers if name.startswith("x-") and name not in PROXYS]


PROXYS = {
    *("x-served-by", "x-target", "x-request-id", "x-forwarded-proto", "x-forwarded-for", "x-forwarded-client-cert"),
    *("x-envoy-upstream-service-time", "x-envoy-attempt-count", "x-envoy-expected-rq-timeout-ms"),
    "x-envoy-decorator-operation",
}


def in_filters(inside: str) -> str:
    return f"listener: {{filterChain: {{filter: {{name: {MANAGER}, subFilter: {{name: {inside}}}}}}}}}"


@shows(EF, "applyTo", "match.context", "patch.operation", "patch.value", under=PATCHES)
@shows(EF, "workloadSelector.labels")
@pytest.mark.parametrize("context", ["SIDECAR_OUTBOUND", "SIDECAR_INBOUND", "GATEWAY"])
def test_a_script_on_each_side(world: World, context: str) -> None:
    world.apply("Gateway", "shop", GATEWAY)
    world.apply("VirtualService", "shop", SHOP)
    world.apply("DestinationRule", "modern", FRESH)
    apply(
        world,
        patch("HTTP_FILTER", f"context: {context}", "INSERT_FIRST", lua("mine")),
        spec="",
        namespace="istio-system",
    )

    def through_the_gateway() -> dict[str, str]:
        parts = urlsplit(world.mesh.address)
        connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=30)
        connection.request("GET", "/", headers={"Host": "shop.example.com"})
        answer = connection.getresponse()
        answer.read()
        return {key.lower(): value for key, value in answer.getheaders()}

    assert ("x-mine" in world.client.ask("modern", port=8082).headers) is (context != "GATEWAY")
    assert ("x-mine" in world.client.ask("bare").headers) is (context == "SIDECAR_OUTBOUND")
    assert ("x-mine" in through_the_gateway()) is (context in ("GATEWAY", "SIDECAR_INBOUND"))


@shows(EF, "patch.filterClass", under=PATCHES)
@shows(EF, "name", "subFilter.name", under=f"{PATCHES}match.listener.filterChain.filter.")
def test_the_order_of_filters(world: World) -> None:
    router = in_filters("envoy.filters.http.router")
    apply(
        world,
        patch("HTTP_FILTER", router, "INSERT_BEFORE", lua("c")),
        patch("HTTP_FILTER", in_filters("c"), "INSERT_AFTER", lua("d")),
        patch("HTTP_FILTER", in_filters("c"), "INSERT_BEFORE", lua("b")),
        patch("HTTP_FILTER", "context: ANY", "INSERT_FIRST", lua("a")),
        patch("HTTP_FILTER", "context: ANY", "ADD", lua("e")),
        patch("HTTP_FILTER", "context: ANY", "ADD", lua("p"), ", filterClass: AUTHN"),
        patch("HTTP_FILTER", "context: ANY", "ADD", lua("z"), ", filterClass: AUTHZ"),
        patch("HTTP_FILTER", in_filters("d"), "REPLACE", lua("new")),
        patch("HTTP_FILTER", in_filters("b"), "REMOVE"),
        patch("HTTP_FILTER", in_filters("e"), "MERGE", f"typed_config: {{'@type': {LUA}, inline_code: ''}}"),
    )

    assert marks(world.client.seen("echo")) == ["a", "p", "z", "c", "new", "e"]


@shows(EF, "name", "portNumber", "listenerFilter", under=f"{PATCHES}match.listener.")
@shows(
    EF, "destinationPort", "transportProtocol", "applicationProtocols", under=f"{PATCHES}match.listener.filterChain."
)
def test_where_a_listener_is_patched(world: World) -> None:
    cases = {
        "any": "listener: {}",
        "name": "listener: {name: virtualInbound}",
        "not-name": "listener: {name: virtualOutbound}",
        "port": "listener: {portNumber: 8080}",
        "not-port": "listener: {portNumber: 7000}",
        "to": "listener: {filterChain: {destinationPort: 8080}}",
        "not-to": "listener: {filterChain: {destinationPort: 7000}}",
        "tls": "listener: {filterChain: {transportProtocol: tls}}",
        "not-tls": "listener: {filterChain: {transportProtocol: raw_buffer}}",
        "alpn": "listener: {filterChain: {applicationProtocols: istio}}",
        "not-alpn": "listener: {filterChain: {applicationProtocols: 'istio,nobody'}}",
        "not-sni": "listener: {filterChain: {sni: nobody.example.com}}",
    }
    changes = [patch("HTTP_FILTER", f"context: SIDECAR_INBOUND, {m}", "ADD", lua(n)) for n, m in cases.items()]
    world.apply("DestinationRule", "modern", FRESH)
    apply(world, *changes, spec=SERVER)

    assert marks(world.client.seen("modern", port=8082)) == [name for name in cases if not name.startswith("not-")]


@shows(EF, "portNumber", "name", "vhost.name", "vhost.domainName", under=f"{PATCHES}match.routeConfiguration.")
@shows(EF, "name", "action", under=f"{PATCHES}match.routeConfiguration.vhost.route.")
def test_where_routes_are_patched(world: World) -> None:
    world.virtual_service(
        "http: [{name: away, match: [{uri: {prefix: /away}}], redirect: {uri: /}},"
        " {name: rest, route: [{destination: {host: echo}}]}]"
    )

    def mark(name: str) -> str:
        return f"response_headers_to_add: [{{header: {{key: x-{name}, value: 'yes'}}}}]"

    hosts = {
        "any": "",
        "port": "portNumber: 80",
        "not-port": "portNumber: 81",
        "table": "name: '80'",
        "not-table": "name: '81'",
        "host": f"vhost: {{name: '{ECHO}:80'}}",
        "not-host": "vhost: {name: 'bare.default.svc.cluster.local:80'}",
        "domain": f"vhost: {{domainName: {ECHO}}}",
        "not-domain": "vhost: {domainName: bare}",
    }
    routes = {
        "route": f"vhost: {{name: '{ECHO}:80', route: {{name: rest}}}}",
        "not-route": f"vhost: {{name: '{ECHO}:80', route: {{name: away}}}}",
        "action": "vhost: {route: {action: ROUTE}}",
        "not-action": "vhost: {route: {action: REDIRECT}}",
    }
    at = "context: SIDECAR_OUTBOUND, routeConfiguration"
    apply(
        world,
        *(patch("VIRTUAL_HOST", f"{at}: {{{match}}}", "MERGE", mark(name)) for name, match in hosts.items()),
        *(patch("HTTP_ROUTE", f"{at}: {{{match}}}", "MERGE", mark(name)) for name, match in routes.items()),
        patch("ROUTE_CONFIGURATION", f"{at}: {{name: '80'}}", "MERGE", mark("whole")),
    )

    found = marks(world.client.ask("echo").headers)
    assert set(found) == {n for n in (*hosts, *routes, "whole") if not n.startswith("not-")}


def test_routes_are_put_in_and_taken_out(world: World) -> None:
    world.virtual_service(
        "http: [{name: first, match: [{uri: {prefix: /first}}], directResponse: {status: 201}},"
        " {name: rest, route: [{destination: {host: echo}}]}]"
    )

    def route(name: str, path: str, status: int) -> str:
        return f"name: {name}, match: {{prefix: {path}}}, direct_response: {{status: {status}}}"

    new = f"name: new, domains: [new], routes: [{{{route('q', '/', 208)}}}]"
    at = f"routeConfiguration: {{vhost: {{name: '{ECHO}:80', route: {{name: %s}}}}}}"
    whole = f"routeConfiguration: {{vhost: {{name: '{ECHO}:80'}}}}"
    apply(
        world,
        patch("HTTP_ROUTE", at % "first", "REMOVE"),
        patch("HTTP_ROUTE", at % "rest", "INSERT_BEFORE", route("b", "/ab", 202)),
        patch("HTTP_ROUTE", at % "b", "INSERT_BEFORE", route("a", "/abc", 203)),
        patch("HTTP_ROUTE", whole, "INSERT_FIRST", route("z", "/abcd", 206)),
        patch("HTTP_ROUTE", whole, "ADD", route("last", "/", 207)),
        patch("VIRTUAL_HOST", "routeConfiguration: {name: '80'}", "ADD", new),
    )
    ask = world.client.ask

    assert [ask("echo", path).status for path in ("/ab", "/abc", "/abcd", "/first", "/")] == [202, 203, 206, 200, 200]
    assert ask("echo", headers={"Host": "new"}).status == 208
    assert ask("echo", headers={"Host": "nobody-knows"}).status != 208


@shows(EF, "gateway", "portName", under=f"{PATCHES}match.routeConfiguration.")
def test_tables_of_a_gateway_are_found_by_its_name_where_tls_ends(world: World) -> None:
    """What is held is what the gateway's Envoy was told: without a certificate nobody can ask."""
    tls = "tls: {mode: SIMPLE, credentialName: nobody}"
    spec = f"servers: [{{port: {{number: 443, name: secure, protocol: HTTPS}}, hosts: [shop.example.com], {tls}}}]"
    world.apply("Gateway", "shop", f"selector: {{istio: ingressgateway}}\n{spec}")
    world.apply("VirtualService", "shop", SHOP)

    def mark(name: str) -> str:
        return f"request_headers_to_remove: [x-{name}]"

    at = "context: GATEWAY, routeConfiguration"
    apply(
        world,
        patch("VIRTUAL_HOST", f"{at}: {{gateway: default/shop}}", "MERGE", mark("gateway")),
        patch("VIRTUAL_HOST", f"{at}: {{gateway: default/other}}", "MERGE", mark("not-gateway")),
        patch("VIRTUAL_HOST", f"{at}: {{portName: secure}}", "MERGE", mark("port")),
        patch("VIRTUAL_HOST", f"{at}: {{portName: other}}", "MERGE", mark("not-port")),
        spec="",
        namespace="istio-system",
    )
    pod = world.mesh.json("get", "pods", "-n", "istio-system")["items"][0]["metadata"]["name"]
    text = world.mesh.run("proxy-config", "routes", f"{pod}.istio-system", "-o", "json")

    assert "x-gateway" in text
    assert "x-port" in text
    assert "x-not-" not in text


FULL = "circuit_breakers: {thresholds: [{max_requests: 0}]}"


@shows(EF, "service", "subset", "portNumber", "name", under=f"{PATCHES}match.cluster.")
@pytest.mark.parametrize(
    ("match", "full"),
    [
        (f"service: {ECHO}, subset: one", {"one"}),
        (f"name: 'outbound|80|two|{ECHO}'", {"two"}),
        (f"service: {ECHO}, portNumber: 80", {"one", "two"}),
        (f"service: {ECHO}, portNumber: 81", set[str]()),
    ],
)
def test_which_clusters_are_patched(world: World, match: str, full: set[str]) -> None:
    """A cluster that takes no request at all; MERGE would leave its own limit in the list."""
    world.virtual_service(
        "http: [{match: [{uri: {prefix: /one}}], route: [{destination: {host: echo, subset: one}}]},"
        " {route: [{destination: {host: echo, subset: two}}]}]"
    )
    apply(world, patch("CLUSTER", f"cluster: {{{match}}}", "MERGE_AND_REPLACE_LIST", FULL))

    assert {name for name in ("one", "two") if world.client.ask("echo", f"/{name}").status == 503} == full


def test_clusters_and_listeners_come_and_go(world: World) -> None:
    address = f"socket_address: {{address: {world.client.address('bare')}, port_value: 7000}}"
    endpoints = f"endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{{address}}}}}}}]}}]"
    mine = f"name: mine, type: STATIC, load_assignment: {{cluster_name: mine, {endpoints}}}"
    tcp = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
    chain = f"filters: [{{name: tcp, typed_config: {{'@type': {tcp}, stat_prefix: mine, cluster: mine}}}}]"
    here = "address: {socket_address: {address: 127.0.0.1, port_value: 7777}}"
    apply(
        world,
        patch("CLUSTER", "context: SIDECAR_OUTBOUND", "ADD", mine),
        patch("LISTENER", "context: SIDECAR_OUTBOUND", "ADD", f"name: mine, {here}, filter_chains: [{{{chain}}}]"),
        patch("CLUSTER", f"cluster: {{service: {ECHO}, subset: two, portNumber: 2525}}", "REMOVE"),
        patch("LISTENER", "listener: {portNumber: 7000}", "REMOVE"),
    )

    assert eventually(lambda: world.client.line("echo", 7777, to="127.0.0.1") == "bare hello")
    clusters = world.mesh.run("proxy-config", "clusters", world.mesh.pod("client-"), "-o", "json")
    assert f"outbound|2525|one|{ECHO}" in clusters
    assert f"outbound|2525|two|{ECHO}" not in clusters
    assert world.client.line("echo", 7000).endswith("hello")  # as an unknown host


@shows(EF, "name", under=f"{PATCHES}match.listener.filterChain.")
def test_filters_of_bytes_and_chains(world: World) -> None:
    wall = "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC"
    closed = f"name: wall, typed_config: {{'@type': {wall}, stat_prefix: wall, rules: {{action: ALLOW}}}}"
    apply(world, patch("NETWORK_FILTER", "listener: {portNumber: 7000}", "INSERT_FIRST", closed))
    assert world.client.line("echo", 7000) == ""
    assert world.client.ask("echo").status == 200

    inside = "listener: {portNumber: 7000, filterChain: {filter: {name: wall}}}"
    apply(
        world,
        patch("NETWORK_FILTER", "listener: {portNumber: 7000}", "INSERT_FIRST", closed),
        patch("NETWORK_FILTER", inside, "REMOVE"),
    )
    assert world.client.line("echo", 7000).endswith("hello")

    apply(world, patch("FILTER_CHAIN", "listener: {name: virtualOutbound, filterChain: {name: nobody}}", "REMOVE"))
    assert world.client.line("echo", 7000).endswith("hello")


@shows(EF, "sni", under=f"{PATCHES}match.listener.filterChain.")
def test_chains_of_server_names(world: World, tmp_path: Path) -> None:
    made = Certificates(tmp_path)
    for name, host in (("filtered", HOST), ("other", OTHER)):
        world.mesh.run("apply", "-f", "-", text=made.secret(name, host))
    gateway(
        world,
        f"{HTTPS}, hosts: ['{HOST}'], tls: {{mode: SIMPLE, credentialName: filtered}}",
        f"{HTTPS.replace('https', 'mail')}, hosts: ['{OTHER}'], tls: {{mode: SIMPLE, credentialName: other}}",
    )
    assert eventually(lambda: (secure(world).status, secure(world, OTHER).status) == (200, 200))

    refuse = 'function envoy_on_request(h) h:respond({[":status"] = "418"}, "") end'
    value = f"name: refuse, typed_config: {{'@type': {LUA}, inline_code: '{refuse}'}}"
    at = f"context: GATEWAY, listener: {{filterChain: {{sni: {OTHER}}}}}"
    apply(world, patch("HTTP_FILTER", at, "INSERT_FIRST", value), spec="", namespace="istio-system")

    assert (secure(world).status, secure(world, OTHER).status) == (200, 418)


@shows(EF, "targetRefs[].group", "targetRefs[].kind", "targetRefs[].name")
def test_the_proxies_of_a_gateway(world: World) -> None:
    """They are those that carry its name."""
    refs = "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: mine}]\n"
    apply(world, patch("HTTP_FILTER", "context: SIDECAR_OUTBOUND", "INSERT_FIRST", lua("mine")), spec=refs)
    named = POD.replace("app: booted", "app: booted, gateway.networking.k8s.io/gateway-name: mine")
    world.mesh.apply_text(named)
    try:
        world.mesh.run("wait", "pod/booted", "--timeout", "60s")
        inside = enter(world.mesh, "booted")
        assert marks(inside.seen("echo")) == ["mine"]
        assert marks(world.client.seen("echo")) == []
        inside.close()
    finally:
        world.mesh.run("delete", "pod", "booted")


def test_filters_of_connections(world: World) -> None:
    """Without the one that finds TLS, mutual TLS is taken for bytes."""
    find = "envoy.filters.listener.tls_inspector"
    at = f"listener: {{name: virtualInbound, listenerFilter: {find}}}"
    apply(world, patch("LISTENER_FILTER", at, "REMOVE"), spec=SERVER)

    assert world.client.line("echo", 7000) == ""


def test_an_extension_comes_by_its_own_name(world: World) -> None:
    source = "config_source: {ads: {}, resource_api_version: V3}"
    apply(
        world,
        patch("EXTENSION_CONFIG", "context: SIDECAR_OUTBOUND", "ADD", lua("ext")),
        patch(
            "HTTP_FILTER",
            "context: SIDECAR_OUTBOUND",
            "INSERT_FIRST",
            f"name: ext, config_discovery: {{{source}, type_urls: [{LUA}]}}",
        ),
    )

    assert marks(world.client.seen("echo")) == ["ext"]


@shows(EF, "priority")
def test_the_order_of_documents(world: World) -> None:
    def one(name: str, priority: int, namespace: str = "default") -> None:
        spec = f"priority: {priority}\n{CLIENT}"
        change = patch("HTTP_FILTER", "context: SIDECAR_OUTBOUND", "ADD", lua(name))
        apply(world, change, spec=spec, name=name, namespace=namespace)

    for name, priority in (("second", 0), ("third", 0), ("last", 9), ("first", -1)):
        one(name, priority)
    one("root", 99, "istio-system")

    assert marks(world.client.seen("echo")) == ["root", "first", "second", "third", "last"]


@shows(EF, "match.proxy.proxyVersion", "match.proxy.metadata", under=PATCHES)
def test_properties_of_the_proxy(world: World) -> None:
    cases = {
        "version": "proxyVersion: '^1\\.'",
        "not-version": "proxyVersion: '^0\\.'",
        "meta": "metadata: {WORKLOAD_NAME: client}",
        "not-meta": "metadata: {WORKLOAD_NAME: other}",
    }
    at = "context: SIDECAR_OUTBOUND, proxy"
    apply(world, *(patch("HTTP_FILTER", f"{at}: {{{match}}}", "ADD", lua(name)) for name, match in cases.items()))

    assert marks(world.client.seen("echo")) == ["version", "meta"]


BROKEN = f"name: broken, typed_config: {{'@type': {LUA}, inline_code: 'this is no Lua'}}"


def told(mesh: Mesh, name: str = "test") -> list[tuple[str, str]]:
    """Code and place of each finding."""
    said = mesh.json("wait", f"envoyfilter/{name}", "--timeout", "20s", status=(0, 1))
    found: list[dict[str, Any]] = said["results"][0]["findings"]
    return [(one["code"], one["path"]) for one in found if one["code"] != "M2701"]


def test_a_patch_that_envoy_refuses_is_taken_back_alone(world: World) -> None:
    world.apply("EnvoyFilter", "test", CLIENT, version="v1alpha3")  # for its end
    text = json.dumps({"apiVersion": "networking.istio.io/v1alpha3", "kind": EF, "metadata": {"name": "test"}})
    changes = [
        patch("HTTP_FILTER", "context: SIDECAR_OUTBOUND", "ADD", lua("before")),
        patch("HTTP_FILTER", "context: SIDECAR_OUTBOUND", "ADD", BROKEN),
        patch("HTTP_FILTER", "context: SIDECAR_OUTBOUND", "ADD", lua("after")),
    ]
    world.mesh.run("apply", "-f", "-", text=f'{text[:-1]}, "spec": {{configPatches: [{", ".join(changes)}]}}}}')
    assert told(world.mesh) == [("M9001", "spec.configPatches[1]")]
    assert marks(world.client.seen("echo")) == ["before", "after"]

    world.virtual_service("http: [{directResponse: {status: 200, body: {string: goes on}}}]")
    assert world.client.ask("echo").body == "goes on"

    _restart(world.mesh)
    assert eventually(lambda: told(world.mesh) == [("M9001", "spec.configPatches[1]")], 20)

    mended = [changes[0], patch("HTTP_FILTER", "context: SIDECAR_OUTBOUND", "ADD", lua("mended")), changes[2]]
    apply(world, *mended)
    world.virtual_service("http: [{route: [{destination: {host: echo}}]}]")
    assert marks(world.client.seen("echo")) == ["before", "mended", "after"]
    assert told(world.mesh) == []


PROVIDED = "type: STATIC, lb_policy: CLUSTER_PROVIDED"
"""Sound by itself; such a cluster has no endpoints that could be provided."""
PLAIN = f"routeConfiguration: {{vhost: {{name: '{ECHO}:80'}}}}"
REFUSED = {
    "added cluster": ("CLUSTER", "", "ADD", f"name: mine, {PROVIDED}"),
    "merged cluster": ("CLUSTER", f"cluster: {{service: {ECHO}, portNumber: 80}}", "MERGE", PROVIDED),
    "added listener": (
        "LISTENER",
        "",
        "ADD",
        "name: mine, address: {socket_address: {address: nobody, port_value: 1}}",
    ),
    "merged listener": ("LISTENER", "listener: {portNumber: 7000}", "MERGE", "listener_filters: [{name: nobody}]"),
    "filter of bytes": ("NETWORK_FILTER", "listener: {portNumber: 7000}", "INSERT_FIRST", "name: nobody"),
    "virtual host": ("VIRTUAL_HOST", PLAIN, "MERGE", "domains: [bare]"),
    "added route": ("HTTP_ROUTE", PLAIN, "ADD", "match: {safe_regex: {regex: '['}}, redirect: {}"),
}


@pytest.mark.parametrize("broken", REFUSED.values(), ids=REFUSED)
def test_whatever_is_refused_is_taken_back_alone(world: World, broken: tuple[str, str, str, str]) -> None:
    world.apply("EnvoyFilter", "test", CLIENT, version="v1alpha3")  # for its end
    sound = patch("HTTP_FILTER", "context: SIDECAR_OUTBOUND", "ADD", lua("sound"))
    apply_to, match, operation, value = broken
    text = f"apiVersion: networking.istio.io/v1alpha3\nkind: {EF}\nmetadata: {{name: test}}\nspec:\n"
    lines = f"  configPatches:\n  - {patch(apply_to, match, operation, value)}\n  - {sound}\n"
    world.mesh.run("apply", "-f", "-", text=f"{text}  {CLIENT}{lines}")

    assert eventually(lambda: told(world.mesh) == [("M9001", "spec.configPatches[0]")], 20)
    assert marks(world.client.seen("echo")) == ["sound"]
    assert world.client.line("echo", 7000).endswith("hello")


def _restart(mesh: Mesh) -> None:
    file = mesh.state / "control-plane.pid"
    old = file.read_text()
    os.kill(int(old), signal.SIGKILL)
    eventually(lambda: file.exists() and file.read_text() not in ("", old), 20)


def test_what_matches_nothing_is_told(world: World) -> None:
    apply(
        world,
        patch("HTTP_FILTER", in_filters("nobody"), "INSERT_BEFORE", lua("mine")),
        patch("HTTP_FILTER", "context: ANY", "ADD", lua("there")),
        patch("CLUSTER", "cluster: {service: nobody}", "REMOVE"),
    )
    assert told(world.mesh) == [("M2708", "spec.configPatches[0]"), ("M2708", "spec.configPatches[2]")]

    apply(world, patch("CLUSTER", "cluster: {}", "REMOVE"), spec="workloadSelector: {labels: {app: nobody}}\n")
    assert told(world.mesh) == [("M2709", "spec")]


POD = """\
apiVersion: v1
kind: Pod
metadata: {name: booted, labels: {app: booted}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: app, image: curlimages/curl, command: [/bin/sleep, infinity]}]
"""


def says(word: str) -> str:
    """A listener that is there from the start."""
    answer = "type.googleapis.com/envoy.extensions.filters.network.direct_response.v3.Config"
    text = f"name: say, typed_config: {{'@type': {answer}, response: {{inline_string: \"{word}\\n\"}}}}"
    here = "address: {socket_address: {address: 127.0.0.1, port_value: 7790}}"
    return f"static_resources: {{listeners: [{{name: said, {here}, filter_chains: [{{filters: [{{{text}}}]}}]}}]}}"


def test_what_envoy_starts_with(world: World) -> None:
    """What is refused of it is left out alone; a running proxy keeps what it was started with."""
    booted = "workloadSelector: {labels: {app: booted}}\n"
    broken = "static_resources: {clusters: [{name: broken, type: STATIC, lb_policy: CLUSTER_PROVIDED}]}"
    gateways = patch("BOOTSTRAP", "context: GATEWAY", "MERGE", broken)
    apply(
        world,
        patch("BOOTSTRAP", "context: ANY", "MERGE", says("first")),
        patch("BOOTSTRAP", "context: SIDECAR_OUTBOUND", "MERGE", broken),
        gateways,
        spec=booted,
    )
    world.mesh.apply_text(POD)
    try:
        world.mesh.run("wait", "pod/booted", "--timeout", "60s")
        inside = enter(world.mesh, "booted")
        assert inside.line("", 7790, to="127.0.0.1") == "first"
        inside.close()
        assert eventually(lambda: sorted(told(world.mesh)) == [("M2708", f"{PATCHED}[2]"), ("M9001", f"{PATCHED}[1]")])

        apply(world, patch("BOOTSTRAP", "context: ANY", "MERGE", says("second")), spec=booted)
        assert told(world.mesh) == [("M2712", f"{PATCHED}[0]")]
    finally:
        world.mesh.run("delete", "pod", "booted")
