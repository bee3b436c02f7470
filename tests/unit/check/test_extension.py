"""WasmPlugins and TrafficExtensions: what the judge's cases do not ask."""

import pytest

from meltemi.core.model.tree import Tree
from unit.check import support


def faults(kind: str, spec: Tree) -> list[str]:
    return support.faults(kind, spec, api="extensions.istio.io/v1alpha1")


SERVICE: Tree = {"kind": "Service", "name": "a"}
HOST: Tree = {"name": "A", "valueFrom": "HOST", "value": "b"}
SELECTOR: Tree = {"matchLabels": {"a": "b"}}


@pytest.mark.parametrize(
    ("kind", "spec", "found"),
    [
        ("WasmPlugin", {"url": "a", "selector": SELECTOR, "targetRefs": [SERVICE]}, "M2710 spec.targetRefs"),
        ("WasmPlugin", {"url": "a", "targetRef": SERVICE, "targetRefs": [SERVICE]}, "M2710 spec.targetRef"),
        ("WasmPlugin", {"url": "a", "match": [{"ports": [{"number": 70000}]}]}, "M2003 spec.match[0].ports[0].number"),
        ("WasmPlugin", {"url": "a", "vmConfig": {"env": [HOST]}}, "M2710 spec.vmConfig.env[0].value"),
        ("WasmPlugin", {"url": "a", "failStrategy": "FAIL_SOON"}, "M1104 spec.failStrategy"),
        ("TrafficExtension", {"phase": "AUTHN"}, "M2013 spec"),
        ("TrafficExtension", {"lua": {}}, "M2013 spec.lua"),
        ("TrafficExtension", {"wasm": {"url": "a", "sha256": "zz"}}, "M2710 spec.wasm.sha256"),
    ],
)
def test_what_is_refused_is_named(kind: str, spec: Tree, found: str):
    assert faults(kind, spec) == [found]


def test_module_and_script_exclude_each_other():
    assert faults("TrafficExtension", {"wasm": {"url": "a/b"}, "lua": {"inlineCode": "x"}})


@pytest.mark.parametrize(
    "spec",
    [
        {"url": "localhost:5000/a:v1"},
        {"url": "oci://example.com/a@sha256:00", "imagePullPolicy": "Always", "pluginConfig": {"a": {"b": [1]}}},
        {
            "url": "file:///a%20b.wasm",
            "phase": "STATS",
            "priority": 7,
            "match": [{"mode": "CLIENT"}],
            "type": "NETWORK",
        },
    ],
)
def test_what_is_sound_is_stored(spec: Tree):
    assert faults("WasmPlugin", spec) == []


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({"url": "file:///a.wasm", "sha256": "0" * 64}, ["M1303 spec.sha256"]),
        ({"url": "file:///a.wasm", "imagePullPolicy": "Always"}, ["M1303 spec.imagePullPolicy"]),
        ({"url": "https://a.io/a.wasm", "imagePullSecret": "a"}, ["M1303 spec.imagePullSecret"]),
        ({"url": "a.io/a", "imagePullSecret": "a", "sha256": "0" * 64, "imagePullPolicy": "Always"}, []),
    ],
)
def test_what_says_nothing_of_such_a_module_is_told(spec: Tree, found: list[str]):
    assert support.warnings("WasmPlugin", spec, api="extensions.istio.io/v1alpha1") == found
