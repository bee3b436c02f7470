"""What `compile` says without a server is what every live Envoy holds."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from e2e.mesh import HERE, NETWORKING, OLD_ROUTING, Mesh
from meltemi.apps.cli.compile import lists, read_proxy
from meltemi.core.check.validate import validate_bytes
from meltemi.core.model.mesh import MeshConfig
from meltemi.core.pipeline.compile import compile_mesh

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

KINDS = (
    "namespaces", "services", "endpoints", "endpointslices", "pods", "configmaps", "virtualservices",
    "destinationrules", "gateways", "serviceentries", "peerauthentications", "envoyfilters",
)  # fmt: skip
STATES = {
    "nothing": [],
    "today-weights": [NETWORKING / "destination-rule-all.yaml", NETWORKING / "virtual-service-reviews-80-20.yaml"],
    "today-faults": [
        NETWORKING / "destination-rule-all.yaml",
        NETWORKING / "virtual-service-all-v1.yaml",
        NETWORKING / "virtual-service-ratings-test-abort.yaml",
        NETWORKING / "virtual-service-ratings-test-delay.yaml",
        NETWORKING / "fault-injection-details-v1.yaml",
        NETWORKING / "virtual-service-reviews-jason-v2-v3.yaml",
    ],
    "0.8": [OLD_ROUTING / "route-rule-all-v1.yaml", OLD_ROUTING / "route-rule-reviews-test-v2.yaml"],
    "patches": [HERE / "manifests/patches.yaml"],
    "outside": [NETWORKING / "egress-rule-google-apis.yaml"],
}
TODAY = (
    "virtual-service-all-v1", "virtual-service-details-v2", "virtual-service-ratings-test-abort",
    "virtual-service-ratings-test-delay", "virtual-service-reviews-50-v3", "virtual-service-reviews-80-20",
    "virtual-service-reviews-90-10", "virtual-service-reviews-jason-v2-v3", "virtual-service-reviews-test-v2",
    "virtual-service-reviews-v2-v3", "virtual-service-reviews-v3", "fault-injection-details-v1",
    "destination-rule-reviews",
)  # fmt: skip
LATER = ("mtls", "-db", "-mysql")
"""Parts of names of old samples that are for applications which are not there."""
PATIENCE = 90
"""Seconds in which a cluster that no route names any more goes: requests may still be on their way to it."""
Tree = dict[str, Any]


def exported(mesh: Mesh, folder: Path) -> Path:
    """All objects of the mesh in one file, as a user would keep them."""
    file = folder / "mesh.json"
    file.write_text(mesh.run("get", ",".join(KINDS), "-A", "-o", "json"))
    return file


def proxies(mesh: Mesh) -> Iterator[tuple[str, str, Tree]]:
    """Namespace and name of each pod with a proxy, and how `compile` is told of it."""
    for pod in mesh.json("get", "pods", "-A")["items"]:
        metadata: Tree = pod["metadata"]
        if "sidecar.istio.io/status" not in metadata.get("annotations", {}):
            continue
        router = "router" in str([one.get("args") for one in pod["spec"]["containers"]])
        yield (
            metadata["namespace"],
            metadata["name"],
            {
                "type": "router" if router else "sidecar",
                "id": f"{metadata['name']}.{metadata['namespace']}",
                "namespace": metadata["namespace"],
                "ip_addresses": [pod["status"]["podIP"]],
                "labels": metadata["labels"],
                "metadata": {},
            },
        )


def compiled(mesh: Mesh, proxy: Tree, files: Path, folder: Path) -> dict[str, dict[str, Any]]:
    said = folder / "proxy.json"
    said.write_text(json.dumps(proxy))
    answer = json.loads(mesh.run("compile", "--proxy", said, "-o", "json", files, status=(0, 1)))
    return by_name(answer)


def by_name(answer: Tree) -> dict[str, dict[str, Any]]:
    """The lists of `compile` as type → name → resource, virtual hosts put into their tables."""
    tables: Tree = {one["name"]: one for one in answer["routes"]}
    for host in answer["virtual_hosts"]:
        tables[host["name"].rpartition("/")[0]].setdefault("virtualHosts", []).append(host)
    return {
        "clusters": {one["name"]: one for one in answer["clusters"]},
        "listeners": {one["name"]: one for one in answer["listeners"]},
        "routes": {name: sorted_hosts(table) for name, table in tables.items()},
        "endpoints": {one["clusterName"]: endpoints(one) for one in answer["endpoints"]},
        "extensions": {one["name"]: one for one in answer["extensions"]},
    }


def live(mesh: Mesh, namespace: str, pod: str) -> dict[str, dict[str, Any]]:
    """The same of the running Envoy."""
    text = mesh.run(
        "exec",
        "-n",
        namespace,
        "-c",
        "istio-proxy",
        pod,
        "--",
        "pilot-agent",
        "request",
        "GET",
        "config_dump?include_eds",
    )
    dumps: Tree = {one["@type"].rpartition(".")[2]: camel(one) for one in json.loads(text)["configs"]}
    clusters = dumps["ClustersConfigDump"]
    assert not clusters.get("dynamicWarmingClusters")
    inline = {
        one["cluster"]["name"] for one in clusters["dynamicActiveClusters"] if "edsClusterConfig" not in one["cluster"]
    }
    assignments = [one["endpointConfig"] for one in dumps["EndpointsConfigDump"].get("dynamicEndpointConfigs", [])]
    routes = [one["routeConfig"] for one in dumps["RoutesConfigDump"].get("dynamicRouteConfigs", [])]
    listeners = dumps["ListenersConfigDump"].get("dynamicListeners", [])
    filters = dumps.get("EcdsConfigDump", {}).get("ecdsFilters", [])
    return {
        "clusters": {one["cluster"]["name"]: bare(one["cluster"]) for one in clusters["dynamicActiveClusters"]},
        "listeners": {one["name"]: bare(one["activeState"]["listener"]) for one in listeners if "activeState" in one},
        "routes": {one["name"]: sorted_hosts(bare(one)) for one in routes},
        "endpoints": {one["clusterName"]: endpoints(one) for one in assignments if one["clusterName"] not in inline},
        "extensions": {one["ecdsFilter"]["name"]: bare(one["ecdsFilter"]) for one in filters},
    }


def bare(tree: Tree) -> Tree:
    """Without the type of the dump's own wrapping."""
    return {name: value for name, value in tree.items() if name != "@type"}


def camel(tree: Any) -> Any:
    """config_dump writes proto names, `compile` protobuf JSON's."""
    if isinstance(tree, list):
        return [camel(one) for one in cast("list[Any]", tree)]
    if not isinstance(tree, dict):
        return tree
    fields = cast("Tree", tree)
    return {_camel(name): camel(value) for name, value in fields.items()}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest) if name.isidentifier() else name


def sorted_hosts(table: Tree) -> Tree:
    return table | {"virtualHosts": sorted(table.get("virtualHosts", []), key=lambda host: host["name"])}


def endpoints(assignment: Tree) -> list[Tree]:
    """Envoy writes its own view of endpoints, defaults filled in: what both can say of each, in one order."""
    found = [
        {
            "address": one["endpoint"]["address"]["socketAddress"],
            "hostname": one["endpoint"].get("hostname", ""),
            "health": one.get("healthStatus", "HEALTHY"),
            "weight": one.get("loadBalancingWeight", 1),
            "metadata": camel(one.get("metadata") or {}),  # keys that are data: the dump's were changed as well
            "locality": cast("Tree", group.get("locality") or {}),
            "priority": group.get("priority", 0),
        }
        for group in assignment.get("endpoints", [])
        for one in group.get("lbEndpoints", [])
    ]
    return sorted(found, key=str)


@pytest.mark.parametrize("state", list(STATES))
def test_compile_equals_every_live_envoy(clean: Mesh, tmp_path: Path, state: str) -> None:
    clean.apply(*STATES[state])
    files = exported(clean, tmp_path)

    for namespace, pod, proxy in proxies(clean):
        want = strip(compiled(clean, proxy, files, tmp_path))
        found = settled_differences(clean, namespace, pod, want)
        assert not found, f"{pod}: {found[0]}"


def samples() -> list[Path]:
    """Every file of Bookinfo's routing that is to behave as documented, of today and of 0.8."""
    old = (file for file in sorted(OLD_ROUTING.glob("route-rule-*.yaml")) if not any(w in file.name for w in LATER))
    return [*(NETWORKING / f"{name}.yaml" for name in TODAY), *old]


@pytest.mark.timeout(900)
def test_compile_equals_every_live_envoy_with_every_sample(clean: Mesh, tmp_path: Path) -> None:
    """One after another, as somebody works through the tutorial; the function behind `compile` is asked directly."""
    clean.apply(NETWORKING / "destination-rule-all.yaml")
    for sample in samples():
        clean.apply(sample)
        text = exported(clean, tmp_path).read_bytes()
        documents = [one.document for one in validate_bytes("mesh.json", text, namespace="default")[0] if one.document]
        for namespace, pod, proxy in proxies(clean):
            answer = lists(compile_mesh(documents, MeshConfig(), read_proxy(json.dumps(proxy).encode())))
            found = settled_differences(clean, namespace, pod, strip(by_name(answer)))
            assert not found, f"{sample.name}: {pod}: {found[0]}"


def settled_differences(mesh: Mesh, namespace: str, pod: str, want: Tree) -> list[str]:
    """Differences that last: a cluster that nothing names any more goes a moment later."""
    found: list[str] = []
    for _ in range(PATIENCE):
        found = differences(strip(live(mesh, namespace, pod)), want)
        if not found:
            break
        time.sleep(1)
    return found


def differences(got: Tree, want: Tree) -> list[str]:
    found: list[str] = []
    for kind, resources in want.items():
        found += [f"{kind}: only live has {name}" for name in got[kind].keys() - resources.keys()]
        if kind != "extensions":  # Envoy dumps those of network filters only
            found += [f"{kind}: only compile has {name}" for name in resources.keys() - got[kind].keys()]
        both = got[kind].keys() & resources.keys()
        found += [
            f"{kind} {name}:\n{json.dumps(got[kind][name])}\n{json.dumps(resources[name])}"
            for name in sorted(both)
            if got[kind][name] != resources[name]
        ]
    return found


def strip(tree: Any) -> Any:
    """Numbers as text, which JSON writes either way; keys in one order."""
    if isinstance(tree, list):
        return [strip(one) for one in cast("list[Any]", tree)]
    if not isinstance(tree, dict):
        return f"{tree:.16g}" if isinstance(tree, int | float) and not isinstance(tree, bool) else tree
    fields = cast("Tree", tree)
    return {name: strip(fields[name]) for name in sorted(fields)}
