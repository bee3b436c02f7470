"""Who runs a pod: the names that its proxy reports for it.

Place:  inject · pod's owner references and labels → [workload] → environment and labels of the proxy
"""

from collections.abc import Mapping
from typing import Any

from meltemi.core.model.value import Value

CANONICAL_NAME = "service.istio.io/canonical-name"
CANONICAL_REVISION = "service.istio.io/canonical-revision"
LABEL_LIMIT = 63
"""Characters that Kubernetes allows in a label's value."""


class Workload(Value, frozen=True, kw_only=True):
    """The object that a user would name as the maker of a pod."""

    kind: str
    api_version: str
    name: str

    def owner(self, namespace: str) -> str:
        """As Istio's ISTIO_META_OWNER: `kubernetes://apis/apps/v1/namespaces/shop/deployments/cart`."""
        return f"kubernetes://apis/{self.api_version}/namespaces/{namespace}/{self.kind.lower()}s/{self.name}"


def workload_of(metadata: Mapping[str, Any]) -> Workload:
    """The controller of a pod, and its controller in turn where the name shows it (ReplicaSet → Deployment)."""
    owners: list[Mapping[str, Any]] = metadata.get("ownerReferences") or []
    owner = next((o for o in owners if o.get("controller")), None)
    if owner is None:
        name = metadata.get("name") or str(metadata.get("generateName") or "").removesuffix("-")
        return Workload(kind="Pod", api_version="v1", name=name)
    kind, version, name = str(owner["kind"]), str(owner["apiVersion"]), str(owner["name"])
    labels: Mapping[str, str] = metadata.get("labels") or {}
    if kind == "ReplicaSet" and (suffix := labels.get("pod-template-hash")) and name.endswith("-" + suffix):
        return Workload(kind="Deployment", api_version=version, name=name.removesuffix("-" + suffix))
    if kind == "ReplicationController" and (config := labels.get("deploymentconfig")):
        return Workload(kind="DeploymentConfig", api_version="apps.openshift.io/v1", name=config)
    stem, _, minutes = name.rpartition("-")
    if kind == "Job" and stem and minutes.isdigit() and len(minutes) in {8, 10}:
        # A CronJob appends the time of the run: minutes since 1970 today, seconds in old versions.
        return Workload(kind="CronJob", api_version=version, name=stem)
    return Workload(kind=kind, api_version=version, name=name)


def canonical_labels(labels: Mapping[str, str], workload: Workload) -> dict[str, str]:
    """The pair of labels under which telemetry knows a workload; what the pod says itself is kept."""
    name = _first(labels, CANONICAL_NAME, "app.kubernetes.io/name", "app") or workload.name
    revision = _first(labels, CANONICAL_REVISION, "app.kubernetes.io/version", "version") or "latest"
    return {CANONICAL_NAME: name[:LABEL_LIMIT].rstrip("-._"), CANONICAL_REVISION: revision}


def _first(labels: Mapping[str, str], *names: str) -> str:
    return next((labels[n] for n in names if labels.get(n)), "")
