"""The environment of the proxy's container: how the agent learns whom it serves.

Place:  inject · containers ← [environment]; read by shell/agent/settings
Source: Istio's names; ISTIO_META_X becomes X of the node metadata, ISTIO_METAJSON_X the same from JSON.
"""

import json
from collections.abc import Mapping
from typing import Any

from meltemi.core.inject.annotations import MERGE_METRICS, SIDECAR
from meltemi.core.inject.config import PROXY_MARK, InjectConfig
from meltemi.core.inject.containers import Subject
from meltemi.core.inject.policy import YES
from meltemi.core.inject.probes import Pod
from meltemi.core.model.proxy import DISCOVERY, Discovery

_DOWNWARD = {
    "POD_NAME": "metadata.name",
    "POD_NAMESPACE": "metadata.namespace",
    "INSTANCE_IP": "status.podIP",
    "SERVICE_ACCOUNT": "spec.serviceAccountName",
    "HOST_IP": "status.hostIP",
    "ISTIO_META_NODE_NAME": "spec.nodeName",
}
_STATS = ("statsInclusionPrefixes", "statsInclusionSuffixes", "statsInclusionRegexps")
SCRAPE, SCRAPE_PORT, SCRAPE_PATH = "prometheus.io/scrape", "prometheus.io/port", "prometheus.io/path"


def environment(subject: Subject, config: InjectConfig, *, apps: list[Pod], probers: Mapping[str, Pod]) -> list[Pod]:
    """All variables, in the order of Istio's template. `apps`: the pod's other containers."""
    ports = [port for app in apps for port in app.get("ports") or ()]
    extra: Mapping[str, Any] = subject.proxy_config.get("proxyMetadata") or {}
    given = {
        "PROXY_CONFIG": json.dumps(dict(subject.proxy_config), separators=(",", ":")) + "\n",
        "ISTIO_META_POD_PORTS": json.dumps(ports, separators=(",", ":")),
        "ISTIO_META_APP_CONTAINERS": ",".join(app["name"] for app in apps),
        "ISTIO_META_CLUSTER_ID": config.cluster_id,
        "ISTIO_META_NETWORK": config.network,
        "ISTIO_META_INTERCEPTION_MODE": subject.mode,
        "ISTIO_META_WORKLOAD_NAME": subject.workload.name,
        f"ISTIO_META_{DISCOVERY}": Discovery.ONDEMAND if config.on_demand else "",
        "ISTIO_META_OWNER": subject.workload.owner(subject.namespace),
        "ISTIO_METAJSON_LABELS": json.dumps(dict(subject.labels), separators=(",", ":"), sort_keys=True),
        "ISTIO_METAJSON_STATS": _stats(subject.annotations),
        "ISTIO_META_MESH_ID": config.mesh_id,
        "TRUST_DOMAIN": config.trust_domain,
        "MELTEMI_PROXY_MARK": str(PROXY_MARK) if config.one_user else "",
        "ISTIO_KUBE_APP_PROBERS": _compact(probers) if probers else "",
        "ISTIO_PROMETHEUS_ANNOTATIONS": _scrape(subject, config),
    }
    always = {"ISTIO_META_APP_CONTAINERS"}
    return [
        *({"name": n, "valueFrom": {"fieldRef": {"fieldPath": field}}} for n, field in _DOWNWARD.items()),
        *({"name": n, "value": v} for n, v in given.items() if v or n in always),
        *({"name": n, "value": str(v)} for n, v in extra.items()),
    ]


def metrics_annotations(said: Mapping[str, str], *, merge: bool, status_port: int) -> dict[str, str]:
    """Where a scraper finds the metrics of proxy and application together; nothing if the pod said not to."""
    if not merge or said.get(SCRAPE, "true").lower() not in YES:
        return {}
    return {SCRAPE: "true", SCRAPE_PORT: str(status_port), SCRAPE_PATH: "/stats/prometheus"}


def merges_metrics(said: Mapping[str, str], config: InjectConfig) -> bool:
    """Whether the agent serves the application's metrics too."""
    return said.get(MERGE_METRICS, "true" if config.merge_metrics else "false").lower() in YES


def _scrape(subject: Subject, config: InjectConfig) -> str:
    said = subject.annotations
    if not merges_metrics(said, config) or said.get(SCRAPE, "").lower() not in YES:
        return ""
    target = {"scrape": "true", "path": said.get(SCRAPE_PATH, ""), "port": said.get(SCRAPE_PORT, "")}
    return _compact({k: v for k, v in target.items() if v})


def _stats(said: Mapping[str, str]) -> str:
    found = {word: said[SIDECAR + word] for word in _STATS if SIDECAR + word in said}
    return _compact(found) if found else ""


def _compact(value: Mapping[str, object]) -> str:
    return json.dumps(dict(value), separators=(",", ":"), sort_keys=True)
