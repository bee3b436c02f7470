"""Modules that are fetched, by real traffic through Envoys that run what came."""

import base64
import json
from collections.abc import Generator
from hashlib import sha256

import pytest

from e2e.fields.module import module
from e2e.fields.shown import shows
from e2e.fields.test_traffic_extension import CLIENT, TE, WP, extension, findings, lua, plugin, told, write
from e2e.fields.world import World
from e2e.mesh import eventually, host
from key_server import KeyServer
from registry import DOCKER, Registry

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

MARK = f"pluginConfig: {told('mark')}\n"
NEXT = module().replace(b"x-wasm", b"x-next")
"""Another module: its header has another name."""


@pytest.fixture
def server() -> Generator[KeyServer]:
    with KeyServer(host()) as made:
        made.says["/module.wasm"] = module()
        yield made


def marked(world: World, by: str = "x-wasm") -> bool:
    return by in world.client.ask("echo").headers


@pytest.mark.parametrize("kind", [WP, TE])
@shows(WP, "sha256")
@shows(TE, "wasm.sha256")
def test_a_module_from_a_web_server(world: World, server: KeyServer, kind: str) -> None:
    url = server.url("/module.wasm")

    def written(digest: str, strategy: str = "FAIL_CLOSE") -> None:
        wasm = {"url": url, "sha256": digest, "pluginConfig": {"do": "mark"}, "failStrategy": strategy}
        write(world, kind, {"selector": {"matchLabels": {"app": "client"}}, **(wasm if kind == WP else {"wasm": wasm})})

    place = "spec" if kind == WP else "spec.wasm"
    nobody = "selector: {matchLabels: {app: nobody}}\n"  # for its end
    _ = plugin(world, f"{nobody}url: file:///none") if kind == WP else extension(world, nobody + lua("x"))
    written(sha256(module()).hexdigest())
    assert eventually(lambda: marked(world))
    assert findings(world, kind) == []

    written("0" * 64)
    assert eventually(lambda: findings(world, kind) == [("M2713", f"{place}.sha256")])
    assert world.client.ask("echo").status == 403
    written("0" * 64, "FAIL_OPEN")
    assert eventually(lambda: world.client.ask("echo").status == 200)
    assert not marked(world)


def test_a_module_stays_in_force_while_its_server_is_away(world: World) -> None:
    """Also over a restart of the control plane, and with new words for it."""
    with KeyServer(host()) as server:
        server.says["/module.wasm"] = module()
        url = server.url("/module.wasm")
        plugin(world, f"{CLIENT}url: '{url}'\nimagePullPolicy: Always\n{MARK}")
        assert eventually(lambda: marked(world))
    assert eventually(lambda: findings(world, WP) == [("M2711", "spec.url")])
    assert marked(world)
    world.mesh.kill_control_plane()
    plugin(world, f"{CLIENT}url: '{url}'\nimagePullPolicy: Always\npluginConfig: {told('mark2')}\n")
    assert eventually(lambda: world.client.ask("echo").headers.get("x-wasm") == told("mark2"))


@pytest.mark.parametrize("kind", [WP, TE])
@shows(WP, "imagePullPolicy", "imagePullSecret")
@shows(TE, "wasm.imagePullPolicy", "wasm.imagePullSecret")
def test_a_module_from_a_registry(world: World, kind: str) -> None:
    def written(policy: str, secret: str) -> None:
        said = f"url: 'oci://{registry.name}/team/filter:v1'\nimagePullPolicy: {policy}\n{MARK}"
        said += f"imagePullSecret: {secret}\n"
        if kind == WP:
            plugin(world, CLIENT + said)
        else:
            extension(world, f"{CLIENT}wasm:\n" + "".join(f"  {line}\n" for line in said.splitlines()))

    place = "spec" if kind == WP else "spec.wasm"
    with Registry(host(), user="pull:right") as registry:
        registry.artifact("team/filter", "v1", module())
        try:
            written("Always", "pull")
            assert findings(world, kind) == [("M2711", f"{place}.imagePullSecret")]
            assert world.client.ask("echo").status == 403
            allowed(world, registry, "pull:wrong")
            assert eventually(lambda: findings(world, kind) == [("M2711", f"{place}.url")])
            allowed(world, registry, "pull:right")
            assert eventually(lambda: marked(world), 30)

            registry.compat("team/filter", "v1", NEXT, DOCKER)
            assert eventually(lambda: marked(world, "x-next"))
            written("IfNotPresent", "pull")
            assert eventually(lambda: findings(world, kind) == [] and marked(world, "x-next"))
            asked = len(registry.asked)
            registry.artifact("team/filter", "v1", module())
            world.mesh.kill_control_plane()
            assert eventually(lambda: marked(world, "x-next"))
            assert len(registry.asked) == asked
        finally:
            world.mesh.run("delete", "secret", "pull", status=(0, 1))


def allowed(world: World, registry: Registry, user: str) -> None:
    """A Secret with a user and his password for a registry."""
    auths = {"auths": {registry.name: {"auth": base64.b64encode(user.encode()).decode()}}}
    data = base64.b64encode(json.dumps(auths).encode()).decode()
    head = "apiVersion: v1\nkind: Secret\nmetadata: {name: pull}\ntype: kubernetes.io/dockerconfigjson\n"
    world.mesh.apply_text(f"{head}data: {{.dockerconfigjson: {data}}}\n")


def test_what_cannot_be_fetched_is_told(world: World) -> None:
    for url in ("oci://nowhere.example.com/module:v1", "http://nowhere.example.com/module.wasm"):
        plugin(world, f"{CLIENT}url: {url}")
        assert findings(world, WP) == [("M2711", "spec.url")]
        assert world.client.ask("echo").status == 403
        plugin(world, f"{CLIENT}url: {url}\nfailStrategy: FAIL_OPEN")
        assert world.client.ask("echo").status == 200

    plugin(world, "selector: {matchLabels: {app: nobody}}\nurl: file:///none")
    assert findings(world, WP) == [("M2709", "spec")]
