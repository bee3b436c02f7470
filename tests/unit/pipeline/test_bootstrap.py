"""Which changes of the bootstrap a new pod's proxy is told, and what is said of those that run without."""

import json

from meltemi.apps.injection import Injector
from meltemi.core.inject.config import InjectConfig
from meltemi.core.inject.inject import applied
from meltemi.core.model.document import Key
from meltemi.core.pipeline.bootstrap import VARIABLE, bootstrap_findings, change_id
from meshes import mesh_of

TEXT = """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: f, namespace: shop}
spec:
  workloadSelector: {labels: {app: cart}}
  configPatches:
  - {applyTo: BOOTSTRAP, patch: {operation: MERGE, value: {stats_flush_interval: 1s}}}
  - {applyTo: BOOTSTRAP, match: {context: GATEWAY}, patch: {operation: MERGE, value: {stats_flush_interval: 2s}}}
  - applyTo: BOOTSTRAP
    match: {proxy: {metadata: {WORKLOAD_NAME: cart}, proxyVersion: '^1'}}
    patch: {operation: MERGE_AND_REPLACE_LIST, value: {stats_flush_interval: 3s}}
  - applyTo: BOOTSTRAP
    match: {proxy: {metadata: {WORKLOAD_NAME: other}}}
    patch: {operation: MERGE, value: {stats_flush_interval: 4s}}
"""
POD = """
---
apiVersion: v1
kind: Pod
metadata: {name: cart, namespace: shop, labels: {app: cart}, annotations: {sidecar.istio.io/status: '{}'}}
spec:
  containers:
  - {name: istio-proxy, image: x, args: [proxy, sidecar], env: [{name: ISTIO_META_WORKLOAD_NAME, value: cart}%s]}
"""


def told(app: str) -> list[tuple[int, bool, object]]:
    pod = {
        "metadata": {"name": "cart", "labels": {"app": app}},
        "spec": {"containers": [{"name": "app", "image": "cart"}]},
    }
    inject = Injector(mesh_of(TEXT), InjectConfig(xds_dir="/x"))
    answer = inject(pod, namespace="shop", namespace_labels={"istio-injection": "enabled"})
    assert answer.patch is not None
    proxy = next(c for c in applied(pod, answer.patch)["spec"]["containers"] if c["name"] == "istio-proxy")
    env = {one["name"]: one.get("value", "") for one in proxy["env"]}
    return [(c["index"], c["replace_lists"], c["value"]) for c in json.loads(env.get(VARIABLE) or "[]")]


def test_a_new_pod_is_told_what_is_for_it() -> None:
    assert told("cart") == [(0, False, {"stats_flush_interval": "1s"}), (2, True, {"stats_flush_interval": "3s"})]
    assert told("other") == []


def test_running_proxies_without_it_are_named() -> None:
    found = bootstrap_findings(mesh_of(TEXT + POD % ""))
    assert [(f.code, f.path) for f in found] == [
        ("M2712", "spec.configPatches[0]"),
        ("M2712", "spec.configPatches[2]"),
        ("M2708", "spec.configPatches[1]"),
        ("M2708", "spec.configPatches[3]"),
    ]
    assert bootstrap_findings(mesh_of(TEXT)) == ()


def test_a_change_is_known_by_what_it_says() -> None:
    key = Key(group="networking.istio.io", kind="EnvoyFilter", namespace="shop", name="f")
    before, after = mesh_of(TEXT), mesh_of(TEXT.replace("1s", "9s"))
    assert change_id(before, key, 0) != change_id(after, key, 0)
    assert change_id(before, key, 1) == change_id(after, key, 1) != ""
    assert change_id(before, key, 9) == ""
