"""Which traffic code sees, in which order it runs, and what becomes of what cannot run."""

import json
from typing import Any

import pytest

from meltemi.core.compose.extension import extensions_for
from meltemi.core.engine.engine import Engine
from meltemi.core.envoy import pb
from meltemi.core.model.document import Key
from meltemi.core.model.proxy import Proxy, Role
from meltemi.core.model.resource import ResourceType
from meltemi.core.model.traffic.envoy_filter import PatchContext
from meltemi.core.pipeline.patched import refused_input
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slots import slots
from meltemi.core.view.extension import reach
from meshes import mesh_of

Tree = dict[str, Any]
IN, OUT, GATEWAY = PatchContext.SIDECAR_INBOUND, PatchContext.SIDECAR_OUTBOUND, PatchContext.GATEWAY
PROXY = Proxy(role=Role.SIDECAR, id="a.shop", namespace="shop", labels=(("app", "a"),))


def written(name: str, spec: Tree, kind: str = "TrafficExtension", namespace: str = "shop") -> str:
    meta = {"name": name, "namespace": namespace}
    api = "extensions.istio.io/v1alpha1"
    return "---\n" + json.dumps({"apiVersion": api, "kind": kind, "metadata": meta, "spec": spec}) + "\n"


def key(name: str, kind: str = "TrafficExtension") -> Key:
    return Key(group="extensions.istio.io", kind=kind, namespace="shop", name=name)


LUA: Tree = {"lua": {"inlineCode": "-- a"}}


@pytest.mark.parametrize(
    ("match", "seen"),
    [
        ([], {IN: (), OUT: (), GATEWAY: ()}),
        ([{"mode": "CLIENT"}], {IN: None, OUT: (), GATEWAY: ()}),
        ([{"mode": "SERVER"}], {IN: (), OUT: None, GATEWAY: None}),
        ([{"ports": [{"number": 9}, {"number": 8}]}], {IN: (8, 9), OUT: (8, 9), GATEWAY: (8, 9)}),
        ([{"mode": "CLIENT", "ports": [{"number": 9}]}, {"mode": "SERVER"}], {IN: (), OUT: (9,), GATEWAY: (9,)}),
        ([{"mode": "CLIENT", "ports": [{"number": 9}]}, {"mode": "CLIENT"}], {IN: None, OUT: (), GATEWAY: ()}),
    ],
)
def test_which_traffic_is_seen(match: list[Tree], seen: dict[PatchContext, tuple[int, ...] | None]) -> None:
    engine = mesh_of(written("a", {**LUA, "match": match}))
    assert {side: engine.get(reach, key("a"), side) for side in seen} == seen


def test_the_order_is_of_priority_then_of_names_over_both_kinds() -> None:
    plugin: Tree = {"url": "file:///a"}
    text = "".join((
        written("d", LUA),
        written("c", {**plugin, "priority": -1}, "WasmPlugin"),
        written("b", {**LUA, "priority": 5}),
        written("a", plugin, "WasmPlugin", namespace="istio-system"),
        written("z", {**LUA, "selector": {"matchLabels": {"app": "other"}}}),
    ))  # fmt: skip
    found = extensions_for(mesh_of(text), "shop", (("app", "a"),))
    assert [one.name for one in found] == ["b", "a", "d", "c"]


def running(engine: Engine, place: str = "inbound.extensions-authz") -> list[str]:
    """What stands in a place, each filter by its type and name."""
    every = slots(engine, engine.get(scope_of, PROXY))
    slot = next(one for one in every if (one.type, one.name) == (ResourceType.EXTENSION, place))
    body = slot.body.run(engine)
    assert body is not None
    config: Tree = pb.to_json(ResourceType.EXTENSION, body.body)["typedConfig"]
    matcher: Tree = config.get("xdsMatcher", {})
    chain: list[Tree] = (
        matcher["onNoMatch"]["action"]["typedConfig"]["filterChain"]["typedConfig"] if "onNoMatch" in matcher else []
    )
    return [f"{one['typedConfig']['@type'].rpartition('.')[2]} {one['name']}" for one in chain]


def refuse(engine: Engine, place: str = "inbound.extensions-authz") -> None:
    """Envoy refuses what stands in a place."""
    every = slots(engine, engine.get(scope_of, PROXY))
    body = next(one for one in every if one.name == place).body.run(engine)
    assert body is not None
    engine.put(refused_input(body), ((body.version, "no"),))
    engine.settle()


@pytest.mark.parametrize(
    ("spec", "instead"),
    [
        ({"wasm": {"url": "file:///a"}, "phase": "AUTHZ"}, ["RBAC shop.x"]),
        ({"wasm": {"url": "file:///a", "failStrategy": "FAIL_RELOAD"}, "phase": "AUTHZ"}, ["RBAC shop.x"]),
        ({"wasm": {"url": "file:///a", "failStrategy": "FAIL_OPEN"}, "phase": "AUTHZ"}, []),
        ({**LUA, "phase": "AUTHZ"}, ["RBAC shop.x"]),
    ],
)
def test_what_is_refused_is_replaced_alone(spec: Tree, instead: list[str]) -> None:
    """Trials leave out the last first; what is sound runs again in the end."""
    engine = mesh_of(written("x", spec) + written("sound", {**LUA, "phase": "AUTHZ", "priority": 1}))
    kind = "Wasm" if "wasm" in spec else "Lua"
    assert running(engine) == ["Lua shop.sound", f"{kind} shop.x"]
    refuse(engine)
    assert running(engine) == ["Lua shop.sound", *instead]


def test_a_script_that_decides_nothing_is_left_out() -> None:
    engine = mesh_of(written("x", {**LUA, "phase": "STATS"}))
    refuse(engine, "inbound.extensions")
    assert running(engine, "inbound.extensions") == []


@pytest.mark.parametrize("url", ["oci://a/b", "a/b:c", "https://a/b"])
def test_what_nobody_fetches_does_not_run(url: str) -> None:
    engine = mesh_of(written("x", {"wasm": {"url": url}, "phase": "AUTHZ"}))
    assert running(engine) == ["RBAC shop.x"]
