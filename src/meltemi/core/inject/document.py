"""Injection of a manifest by hand: a Pod, or the template of pods inside any workload.

Place:  inject · a parsed document → [document] → inject → the document with proxies
"""

import copy
from collections.abc import Mapping
from typing import Any, cast

from meltemi.core.inject.config import InjectConfig
from meltemi.core.inject.inject import Injection, applied, inject
from meltemi.core.inject.probes import Pod
from meltemi.core.inject.workload import Workload
from meltemi.core.model.finding import Finding

_TEMPLATE = ("spec", "template")
_PLACES = {"CronJob": ("spec", "jobTemplate", *_TEMPLATE)}
_WITH_TEMPLATE = frozenset(
    {"Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "ReplicationController", "Job", "DeploymentConfig"}
)
ENABLED = {"istio-injection": "enabled"}
"""Who asks by hand wants injection, unless the pod itself says no."""


def inject_document(
    document: Pod, *, config: InjectConfig, namespace: str = "", namespace_labels: Mapping[str, str] = ENABLED
) -> tuple[Pod, tuple[Finding, ...]]:
    """The document with proxies in its pods; other documents come back as they are. `List` is entered.

    `namespace`: of documents that name none.
    """
    kind = document.get("kind")
    if kind == "List":
        each = [
            inject_document(d, config=config, namespace=namespace, namespace_labels=namespace_labels)
            for d in cast("list[Pod]", document.get("items") or [])
        ]
        return {**document, "items": [d for d, _ in each]}, tuple(f for _, found in each for f in found)
    place = () if kind == "Pod" else _PLACES.get(str(kind), _TEMPLATE if kind in _WITH_TEMPLATE else None)
    if place is None:
        return document, ()
    metadata: Pod = document.get("metadata") or {}
    where = metadata.get("namespace") or namespace or "default"
    maker = Workload(
        kind=str(kind), api_version=str(document.get("apiVersion") or "v1"), name=metadata.get("name") or ""
    )
    changed = copy.deepcopy(document)
    found = _at(changed, place, where, namespace_labels, config, maker=None if kind == "Pod" else maker)
    return changed, found.findings


def _at(
    document: Pod,
    place: tuple[str, ...],
    namespace: str,
    labels: Mapping[str, str],
    config: InjectConfig,
    *,
    maker: Workload | None,
) -> Injection:
    pod: Any = document
    for part in place:
        pod = pod.get(part) or {}
    answer = inject(pod, namespace=namespace, namespace_labels=labels, config=config, workload=maker)
    if answer.patch is not None:
        changed = applied(pod, answer.patch)
        pod.clear()
        pod.update(changed)
    return answer
