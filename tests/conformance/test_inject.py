"""What we make of the manifests that Istio's injector is tested with (conformance/inject).

Compared is what does not depend on the template's text: who is injected, the rules that a pod asks for, the proxy's
command line, ports, probes, security and resources, and how the application's own probes are changed. The score of the
cases is held at what it is: `FAILING` names each case that differs, with the reason.

Differences by design, taken out before the comparison: our proxy is an ordinary container that starts first (Istio's is
a native sidecar), has no preStop hook (the agent drains on SIGTERM), and knows its authority by a socket: of Istio's
volumes it has those for its token, for the secrets' socket and for Envoy's files, and no CA_ADDR.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from meltemi.core.inject.config import InjectConfig
from meltemi.core.inject.document import inject_document
from meltemi.core.inject.policy import decide

GIVEN = Path(__file__).parents[2].parent / "shared/conformance/inject/given"
pytestmark = pytest.mark.skipif(not GIVEN.is_dir(), reason="the shared conformance cases are not here")

Json = dict[str, Any]

FAILING = {
    "kube-inject-0.8/hello-ignore": "kube-inject of 0.8 overruled the pod's own 'false'; today's does not",
    "kube-inject-0.8/traffic-annotations-bad-excludeipranges": "refused, but under the annotation's full name",
    "master/cronjob": "Istio labels the job where we label the pods of the job",
    "master/hello-always": "the installation's imagePullPolicy",
    "master/hello-cncf-networks": "pods with networks of a CNI plugin",
    "master/hello-existing-cncf-networks": "pods with networks of a CNI plugin",
    "master/hello.cni": "rules made by a CNI plugin",
    "master/hello.proxyInitImageName": "an image of its own for istio-init",
    "master/proxy-resources-null-no-init": "an installation without default resources",
    "master/reroute-virtual-interfaces": "the installation's readiness probe",
    "master/status_annotations": "the scraper is sent to the port that the annotation names, where the agent listens",
    "master/hello-openshift": "platform OpenShift",
    "master/hello-tproxy": "interception by TPROXY is refused",
}

VARIABLES = {
    "POD_NAME",
    "POD_NAMESPACE",
    "INSTANCE_IP",
    "SERVICE_ACCOUNT",
    "HOST_IP",
    "PROXY_CONFIG",
    "ISTIO_META_POD_PORTS",
    "ISTIO_META_APP_CONTAINERS",
    "ISTIO_META_CLUSTER_ID",
    "ISTIO_META_NODE_NAME",
    "ISTIO_META_INTERCEPTION_MODE",
    "ISTIO_META_WORKLOAD_NAME",
    "ISTIO_META_OWNER",
    "ISTIO_META_MESH_ID",
    "TRUST_DOMAIN",
    "ISTIO_KUBE_APP_PROBERS",
}
PROXY_FIELDS = ("args", "ports", "readinessProbe", "startupProbe", "resources", "securityContext")
WRITTEN_FOR_THE_INJECTOR = {"sidecar.istio.io/status", "proxy.istio.io/overrides"}
"""Notes to itself, for a pod that meets it twice."""
VOLUMES = {"istio-token", "workload-socket", "istio-envoy"}
IMAGE = "registry.istio.io/testing/proxyv2:latest"


def cases(mode: str) -> list[Json]:
    lines = (GIVEN / "cases.jsonl").read_text().splitlines() if GIVEN.is_dir() else []
    return [case for case in map(json.loads, lines) if case["mode"] == mode]


def workloads(documents: list[Json]) -> dict[str, Json]:
    """`Kind/name` → pod template, lists entered."""
    found: dict[str, Json] = {}
    for document in documents:
        if document["kind"] == "List":
            found |= workloads(document["items"])
            continue
        spec: Json = document.get("spec") or {}
        outer: Json = spec.get("jobTemplate") or {}
        job: Json = outer.get("spec") or {}
        template: Json | None = job.get("template") or spec.get("template")
        if document["kind"] == "Pod" or template:
            found[f"{document['kind']}/{document['metadata'].get('name', '')}"] = template or document
    return found


def quantities(resources: Json) -> Json:
    """Kubernetes writes 2000m as 2, and 1024Mi as 1Gi."""

    def canonical(value: str) -> str:
        milli = value.removesuffix("m")
        if value.endswith("m") and int(milli) % 1000 == 0:
            return str(int(milli) // 1000)
        return "1Gi" if value == "1024Mi" else value

    return {part: {k: canonical(v) for k, v in amounts.items()} for part, amounts in resources.items()}


def read_env(container: Json) -> Json:
    env: list[Json] = container.get("env") or []
    kept: Json = {e["name"]: e.get("valueFrom", e.get("value", "")) for e in env if e["name"] in VARIABLES}
    for name in ("ISTIO_META_POD_PORTS", "ISTIO_KUBE_APP_PROBERS", "PROXY_CONFIG"):
        if name in kept:
            kept[name] = json.loads(kept[name])
    return kept


def summary(init: Json | None, proxy: Json, template: Json) -> Json:
    """What is compared of one workload."""
    shown = {field: proxy.get(field) for field in PROXY_FIELDS}
    shown["resources"] = quantities(proxy.get("resources") or {})
    containers: list[Json] = template["spec"]["containers"]
    annotations: Json = template["metadata"].get("annotations") or {}
    labels: Json = template["metadata"].get("labels") or {}
    probes = ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle")
    return {
        "rules": init
        and {**init, "resources": quantities(init.get("resources") or {}), "env": init.get("env") and read_env(init)},
        "proxy": shown,
        "env": read_env(proxy),
        "apps": {c["name"]: {p: c.get(p) for p in probes} for c in containers if c["name"] != "istio-proxy"},
        "annotations": {k: v for k, v in annotations.items() if k not in WRITTEN_FOR_THE_INJECTOR},
        "labels": labels,
        "volumes": {v["name"]: source(v) for v in template["spec"]["volumes"] if v["name"] in VOLUMES},
        "mounts": {m["name"]: m["mountPath"] for m in proxy["volumeMounts"] if m["name"] in VOLUMES},
    }


def source(volume: Json) -> Json:
    """An empty directory may be left unsaid."""
    return {k: v for k, v in volume.items() if k != "name"} or {"emptyDir": {}}


def of_template(template: Json) -> Json | None:
    every: list[Json] = [*(template["spec"].get("initContainers") or ()), *template["spec"]["containers"]]
    named = {c["name"]: c for c in every}
    init = named.get("istio-init") or named.get("istio-validation")
    return summary(init, named["istio-proxy"], template) if "istio-proxy" in named else None


@pytest.mark.parametrize("case", cases("inject-master"), ids=lambda c: c["name"])
def test_as_istio_injects(case: Json, request: pytest.FixtureRequest):
    if reason := FAILING.get(case["name"]):
        request.applymarker(pytest.mark.xfail(reason=reason))
    default = tuple(case.get("mesh", {}).get("defaultConfig", {}).items())
    config = InjectConfig(xds_dir="/xds", image=IMAGE, proxy_config=default)
    documents = [d for d in yaml.safe_load_all((GIVEN / case["input"]).read_text()) if d]

    results = [inject_document(d, config=config) for d in documents]

    if wanted := case.get("error_contains_lowercase"):
        said = " ".join(f.message.lower() for _, found in results for f in found)
        assert wanted in said
        return
    expected = [d for d in yaml.safe_load_all((GIVEN / case["expected"]).read_text()) if d]
    got = {k: of_template(t) for k, t in workloads([d for d, _ in results]).items()}
    assert got == {k: of_template(t) for k, t in workloads(expected).items()}


@pytest.mark.parametrize("case", cases("inject-required-0.8"), ids=lambda c: c["name"])
def test_who_is_injected(case: Json):
    labels = {"istio-injection": "enabled"} if case["policy"] == "enabled" else {}

    got = decide(case["pod"], namespace="test-namespace", namespace_labels=labels, revision="default")

    assert got.inject == case["required"]


@pytest.mark.parametrize("case", cases("kube-inject-0.8"), ids=lambda c: c["name"])
def test_who_is_injected_and_what_is_refused_in_old_manifests(case: Json, request: pytest.FixtureRequest):
    """The template of 0.8 is gone; who is injected, and which annotations are refused, has stayed."""
    if reason := FAILING.get(case["name"]):
        request.applymarker(pytest.mark.xfail(reason=reason))
    config = InjectConfig(xds_dir="/xds")
    documents = [d for d in yaml.safe_load_all((GIVEN / case["input"]).read_text()) if d]

    results = [inject_document(d, config=config) for d in documents]

    if wanted := case.get("error_contains_lowercase"):
        assert wanted in " ".join(f.message.lower() for _, found in results for f in found)
        return
    expected = [d for d in yaml.safe_load_all((GIVEN / case["expected"]).read_text()) if d]
    got = {k: of_template(t) is not None for k, t in workloads([d for d, _ in results]).items()}
    assert got == {k: of_template(t) is not None for k, t in workloads(expected).items()}
