"""Fields of WasmPlugin and TrafficExtension, each by real traffic through real Envoys that run the code."""

import json
from base64 import b64encode
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from e2e.fields.conftest import enter
from e2e.fields.module import module
from e2e.fields.shown import shows
from e2e.fields.world import World
from e2e.mesh import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WP, TE = "WasmPlugin", "TrafficExtension"
CLIENT, SERVER = "selector: {matchLabels: {app: client}}\n", "selector: {matchLabels: {app: echo}}\n"


@pytest.fixture(scope="module")
def file(folder: Path) -> str:
    """The module as a file that every pod sees."""
    (folder / "module.wasm").write_bytes(module())
    return f"file://{folder / 'module.wasm'}"


def plugin(world: World, spec: str, name: str = "test", namespace: str = "default") -> None:
    world.apply(WP, name, spec, group="extensions", version="v1alpha1", namespace=namespace)


def extension(world: World, spec: str, name: str = "test", namespace: str = "default") -> None:
    world.apply(TE, name, spec, group="extensions", version="v1alpha1", namespace=namespace)


def told(do: str) -> str:
    """What the module is told: see `module`."""
    return f'{{"do":"{do}"}}'


def lua(name: str, more: str = "") -> str:
    """A script that adds to the list of marks of requests and answers."""
    code = f'h:headers():add("x-marks", "{name}") h:headers():add("x-{name}", "yes") end'
    return f"{more}lua: {{inlineCode: 'function envoy_on_request(h) {code} function envoy_on_response(h) {code}'}}\n"


def marks(world: World, host: str = "echo", **more: Any) -> list[str]:
    """The scripts that a request met, in their order."""
    found = world.client.seen(host, **more).get("x-marks", "")
    return found.split(",") if found else []


@shows(TE, "lua.inlineCode", "phase", "priority", "selector.matchLabels")
def test_scripts_run_in_the_order_of_phase_and_priority(world: World) -> None:
    """On the server's side, before and after who asks and whether they may."""
    for name, said in {
        "d": "phase: STATS\n",
        "e": "",
        "b": "phase: AUTHN\n",
        "a": "phase: AUTHN\npriority: 7\n",
        "c": "phase: AUTHZ\npriority: 9\n",
    }.items():
        extension(world, SERVER + said + lua(name), name)
    assert marks(world) == ["a", "b", "c", "d", "e"]

    closed: list[str] = []
    for name in "abcde":
        said = f"{SERVER}action: DENY\nrules: [{{when: [{{key: 'request.headers[x-{name}]', values: ['yes']}}]}}]"
        world.apply("AuthorizationPolicy", "closed", said, group="security")
        closed += [name] if world.client.ask("echo").status == 403 else []
    assert closed == ["a", "b", "c"]


@shows(TE, "match[].mode", "match[].ports[].number")
def test_which_traffic_a_script_sees(world: World) -> None:
    cases = {
        "client": "match: [{mode: CLIENT}]\n",
        "server": "match: [{mode: SERVER}]\n",
        "service": "match: [{mode: CLIENT, ports: [{number: 80}]}]\n",
        "application": "match: [{mode: SERVER, ports: [{number: 8080}]}]\n",
        "either": "match: [{mode: CLIENT_AND_SERVER, ports: [{number: 80}, {number: 8082}, {number: 8080}]}]\n",
        "nobody": "match: [{mode: SERVER, ports: [{number: 80}]}, {mode: CLIENT, ports: [{number: 8080}]}]\n",
    }
    for name, said in cases.items():
        extension(world, said + lua(name), name)

    sent = sorted(marks(world))
    assert sent == ["application", "client", "either", "either", "server", "service"]
    assert sorted(marks(world, "bare")) == ["client", "either", "service"]
    assert "service" not in marks(world, "modern", port=8082)


def test_a_script_takes_hold_of_live_connections_and_lets_go(world: World) -> None:
    address = world.client.address("echo")
    connection = world.client.do(lambda: HTTPConnection(address, 80, timeout=20))

    def ask() -> str | None:
        connection.request("GET", "/", headers={"Host": "echo"})
        answer = connection.getresponse()
        answer.read()
        return answer.getheader("x-marks")

    assert eventually(lambda: world.client.do(ask) is None)
    local = connection.sock.getsockname()
    extension(world, CLIENT + lua("first"))
    assert world.client.do(ask) == "first"
    extension(world, CLIENT + lua("second"))
    assert world.client.do(ask) == "second"
    extension(world, "selector: {matchLabels: {app: nobody}}\n" + lua("second"))
    assert world.client.do(ask) is None
    assert connection.sock.getsockname() == local
    connection.close()


@shows(TE, "targetRefs[].kind", "targetRefs[].name", "targetRefs[].group")
@shows(WP, "targetRefs[].kind", "targetRefs[].name", "targetRefs[].group")
@shows(WP, "targetRef.kind", "targetRef.name", "targetRef.group")
def test_targets_are_gateways(world: World, file: str) -> None:
    """No pod here is a gateway of the Kubernetes Gateway API: what refers to one leaves all others alone."""
    to = "{group: gateway.networking.k8s.io, kind: Gateway, name: other}"
    extension(world, f"targetRefs: [{to}]\n" + lua("target"), namespace="istio-system")
    plugin(world, f"targetRefs: [{to}]\nurl: {file}", "several", namespace="istio-system")
    plugin(world, f"targetRef: {to}\nurl: {file}", "one", namespace="istio-system")
    extension(world, lua("all"), "all", namespace="istio-system")

    server = "{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}"
    world.apply("Gateway", "shop", f"selector: {{istio: ingressgateway}}\nservers: [{server}]")
    parts = urlsplit(world.mesh.address)
    connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=30)
    connection.request("GET", "/", headers={"Host": "nobody"})
    headers = connection.getresponse().headers
    assert headers["x-marks"] == "all"
    assert "x-wasm" not in headers
    found = world.client.ask("echo").headers
    assert (found["x-marks"], "x-wasm" in found) == ("all,all", False)


@shows(TE, "wasm.url", "wasm.pluginConfig", "wasm.pluginName", "wasm.vmConfig.env[].name", "wasm.vmConfig.env[].value")
def test_a_module_of_an_extension(world: World, file: str) -> None:
    extension(world, f"{CLIENT}wasm: {{url: '{file}', pluginName: any, pluginConfig: {told('mark')}}}")
    assert world.client.ask("echo").headers["x-wasm"] == told("mark")
    assert world.client.seen("echo")["x-wasm"] == told("mark")

    env = "vmConfig: {env: [{name: COLOUR, value: blue}]}"
    extension(world, f"{CLIENT}wasm: {{url: '{file}', pluginConfig: {told('env')}, {env}}}")
    assert world.client.ask("echo").headers["x-wasm"] == "COLOUR=blue"


@shows(TE, "wasm.vmConfig.env[].valueFrom")
@shows(WP, "vmConfig.env[].name", "vmConfig.env[].value", "vmConfig.env[].valueFrom", "pluginName")
def test_the_environment_of_a_module(world: World, file: str) -> None:
    def says(env: str) -> str:
        plugin(world, f"{CLIENT}url: {file}\npluginName: any\npluginConfig: {told('env')}\nvmConfig: {{env: [{env}]}}")
        return world.client.ask("echo").headers["x-wasm"]

    assert says("{name: COLOUR, value: red}") == "COLOUR=red"
    assert says("{name: POD_NAMESPACE, valueFrom: HOST}") == "POD_NAMESPACE=default"
    host = "vmConfig: {env: [{name: POD_NAME, valueFrom: HOST}]}"
    plugin(world, "selector: {matchLabels: {app: nobody}}\nurl: file:///none")
    extension(world, f"{CLIENT}wasm: {{url: '{file}', pluginConfig: {told('env')}, {host}}}")
    assert world.client.ask("echo").headers["x-wasm"].startswith("POD_NAME=client-")


@shows(WP, "url", "pluginConfig", "selector.matchLabels", "phase", "priority")
@shows(WP, "match[].mode", "match[].ports[].number")
def test_a_module_decides_before_others(world: World, file: str) -> None:
    """What is refused in the first phase meets nothing of the second."""
    plugin(world, f"{SERVER}url: {file}\nphase: AUTHN\npriority: 1\npluginConfig: {told('refuse')}")
    plugin(world, f"{SERVER}url: {file}\nphase: AUTHZ\npluginConfig: {told('mark')}", "later")
    extension(world, f"{SERVER}phase: AUTHN\npriority: 2\n" + lua("sooner"))
    answer = world.client.ask("echo")
    assert (answer.status, answer.body) == (403, "refused")
    assert answer.headers["x-marks"] == "sooner"
    assert answer.headers["x-wasm"] == told("refuse")

    only = "match: [{mode: SERVER, ports: [{number: 9001}]}]"
    plugin(world, f"{SERVER}url: {file}\nphase: AUTHN\npriority: 1\n{only}\npluginConfig: {told('refuse')}")
    assert world.client.ask("echo").headers["x-wasm"] == told("mark")


@shows(WP, "type")
@shows(TE, "wasm.type")
@pytest.mark.parametrize("phase", ["AUTHN", "STATS"])
def test_a_module_for_bytes(world: World, file: str, phase: str) -> None:
    """It has what the client says begin with a word of its own."""
    at = f"{CLIENT}phase: {phase}\nmatch: [{{mode: CLIENT, ports: [{{number: 7000}}]}}]\n"
    plugin(world, f"{at}url: {file}\ntype: NETWORK")
    assert world.client.line("echo", 7000).split()[1] == "wasm:hello"
    assert world.client.line("undeclared", 7001).split()[1] == "hello"
    assert world.client.ask("echo").status == 200

    plugin(world, "selector: {matchLabels: {app: nobody}}\nurl: file:///none")
    extension(world, f"{at}wasm: {{url: '{file}', type: NETWORK}}")
    assert world.client.line("echo", 7000).split()[1] == "wasm:hello"


@shows(WP, "failStrategy")
@shows(TE, "wasm.failStrategy")
@pytest.mark.parametrize("form", [WP, TE])
def test_a_module_that_crashes(world: World, file: str, form: str) -> None:
    def crashed(strategy: str) -> None:
        says = told(f"mark {strategy}")  # equal modules would share one machine
        wasm = f"url: {file}\npluginConfig: {says}\nfailStrategy: {strategy}\n"
        if form == WP:
            plugin(world, CLIENT + wasm)
        else:
            extension(world, f"{CLIENT}wasm:\n" + "".join(f"  {line}\n" for line in wasm.splitlines()))
        assert "x-wasm" in world.client.ask("echo").headers
        assert world.client.ask("echo", headers={"x-trap": "1"}).status == 503

    def none_is_left() -> bool:
        """Each of Envoy's threads has a machine of its own: all have crashed when nothing marks answers any more."""
        world.client.ask("echo", headers={"x-trap": "1"})
        return not any("x-wasm" in world.client.ask("echo").headers for _ in range(4))

    crashed("FAIL_RELOAD")
    assert eventually(lambda: "x-wasm" in world.client.ask("echo").headers, 20)
    crashed("FAIL_CLOSE")
    assert eventually(none_is_left, 20)
    assert world.client.ask("echo").status == 503
    crashed("FAIL_OPEN")
    assert eventually(none_is_left, 20)
    assert world.client.ask("echo").status == 200


def findings(world: World, kind: str, name: str = "test") -> list[tuple[str, str]]:
    """Code and place of each finding."""
    said = world.mesh.json("wait", f"{kind.lower()}/{name}", "--timeout", "30s", status=(0, 1))
    return [(one["code"], one["path"]) for one in said["results"][0]["findings"]]


def write(world: World, kind: str, spec: dict[str, Any]) -> None:
    """Apply without waiting for proxies to agree."""
    world.mesh.run(
        *("apply", "-f", "-"),
        text=json.dumps(
            {"apiVersion": "extensions.istio.io/v1alpha1", "kind": kind, "metadata": {"name": "test"}, "spec": spec}
        ),
    )


@pytest.fixture
def broken(folder: Path) -> str:
    (folder / "broken.wasm").write_bytes(module()[:100])
    return f"file://{folder / 'broken.wasm'}"


@pytest.mark.parametrize("kind", ["HTTP", "NETWORK"])
def test_a_broken_module_is_told_and_its_strategy_decides(world: World, broken: str, kind: str) -> None:
    extension(world, CLIENT + lua("sound"), "sound")
    plugin(world, "selector: {matchLabels: {app: nobody}}\nurl: file:///none")  # for its end
    port = 80 if kind == "HTTP" else 7000
    spec: dict[str, Any] = {
        "url": broken,
        "type": kind,
        "selector": {"matchLabels": {"app": "client"}},
        "match": [{"mode": "CLIENT", "ports": [{"number": port}]}],
    }

    def goes() -> bool:
        if kind == "HTTP":
            return world.client.ask("echo").status == 200
        return world.client.line("echo", 7000).endswith("hello")

    write(world, WP, {**spec, "failStrategy": "FAIL_CLOSE"})
    assert findings(world, WP) == [("M9001", "spec.url")]
    assert not goes()
    assert world.client.ask("modern", port=8082).headers["x-marks"] == "sound"

    write(world, WP, {**spec, "failStrategy": "FAIL_OPEN"})
    assert findings(world, WP) == [("M9001", "spec.url")]
    assert goes()
    assert world.client.ask("echo").headers["x-marks"] == "sound"


def test_a_broken_script_is_told_and_refuses_only_where_it_decides(world: World) -> None:
    extension(world, CLIENT + lua("sound"), "sound")
    extension(world, "selector: {matchLabels: {app: nobody}}\n" + lua("x"))  # for its end
    spec = {"selector": {"matchLabels": {"app": "client"}}, "lua": {"inlineCode": "this is no Lua"}}

    write(world, TE, {**spec, "phase": "STATS"})
    assert findings(world, TE) == [("M9001", "spec.lua.inlineCode")]
    assert world.client.ask("echo").headers["x-marks"] == "sound"

    write(world, TE, {**spec, "phase": "AUTHZ"})
    assert findings(world, TE) == [("M9001", "spec.lua.inlineCode")]
    assert world.client.ask("echo").status == 403

    extension(world, CLIENT + "phase: AUTHZ\n" + lua("mended"))
    assert world.client.ask("echo").headers["x-marks"] == "sound,mended"
    assert findings(world, TE) == []


POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: coded
  labels: {app: coded}
  annotations:
    sidecar.istio.io/userVolume: '{"code": {"secret": {"secretName": "code"}}}'
    sidecar.istio.io/userVolumeMount: '{"code": {"mountPath": "/var/local/code", "readOnly": true}}'
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: app, image: curlimages/curl, command: [/bin/sleep, infinity]}]
"""


def test_a_module_from_a_secret(world: World) -> None:
    data = b64encode(module()).decode()
    secret = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: code}}\ndata: {{module.wasm: {data}}}\n---\n"
    file = "file:///var/local/code/module.wasm"
    plugin(world, f"selector: {{matchLabels: {{app: coded}}}}\nurl: {file}\npluginConfig: {told('mark')}")
    world.mesh.apply_text(secret + POD)
    try:
        world.mesh.run("wait", "pod/coded", "--timeout", "60s")
        inside = enter(world.mesh, "coded")
        assert inside.ask("echo").headers["x-wasm"] == told("mark")
        inside.close()
    finally:
        world.mesh.run("delete", "pod", "coded")
        world.mesh.run("delete", "secret", "code")
