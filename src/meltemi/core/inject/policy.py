"""Whether a pod gets a proxy.

Place:  inject · [policy] → annotations → sidecar | gateway → patch
Source: Istio, "Automatic sidecar injection": label `istio-injection` or `istio.io/rev` of the namespace, label
        `sidecar.istio.io/inject` of the pod, and the older annotation of that name.
"""

from collections.abc import Mapping
from typing import Any

from meltemi.core.model.value import Value

INJECT = "sidecar.istio.io/inject"
STATUS = "sidecar.istio.io/status"
TEMPLATES = "inject.istio.io/templates"
REVISION = "istio.io/rev"
NAMESPACE_LABEL = "istio-injection"

SYSTEM_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease", "local-path-storage"})
"""Never injected (Istio's ignored namespaces)."""

YES = frozenset({"true", "y", "yes", "on", "1"})
NO = frozenset({"false", "n", "no", "off", "0"})


class Decision(Value, frozen=True, kw_only=True):
    """Inject or not, and the rule that decided, in words."""

    inject: bool
    reason: str
    bad_value: str = ""
    """What the pod says under `sidecar.istio.io/inject`, if it is neither yes nor no."""


def decide(pod: Mapping[str, Any], *, namespace: str, namespace_labels: Mapping[str, str], revision: str) -> Decision:
    """Final: a namespace's `disabled`, the host's network, an earlier injection. Else the pod beats the namespace.

    `pod`: the Kubernetes object as JSON; `revision`: the one that this injector answers to.
    """
    metadata: Mapping[str, Any] = pod.get("metadata") or {}
    annotations: Mapping[str, str] = metadata.get("annotations") or {}
    labels: Mapping[str, str] = metadata.get("labels") or {}
    if namespace_labels.get(NAMESPACE_LABEL) == "disabled":
        return Decision(inject=False, reason=f"the namespace says '{NAMESPACE_LABEL}: disabled'")
    if namespace in SYSTEM_NAMESPACES:
        return Decision(inject=False, reason=f"namespace '{namespace}' belongs to the system")
    spec: Mapping[str, Any] = pod.get("spec") or {}
    if spec.get("hostNetwork"):
        return Decision(inject=False, reason="the pod shares the host's network")
    if STATUS in annotations:
        return Decision(inject=False, reason="the pod is injected already")
    return _by_pod(labels, annotations, _by_namespace(namespace_labels, labels, revision))


def _by_pod(labels: Mapping[str, str], annotations: Mapping[str, str], otherwise: Decision) -> Decision:
    # The label came later and wins, because webhooks can select by labels only.
    said = labels.get(INJECT, annotations.get(INJECT, ""))
    word = said.lower()
    if word in YES:
        return Decision(inject=True, reason=f"the pod says '{INJECT}: {said}'")
    if word in NO:
        return Decision(inject=False, reason=f"the pod says '{INJECT}: {said}'")
    return Decision(inject=otherwise.inject, reason=otherwise.reason, bad_value=said)


def _by_namespace(namespace: Mapping[str, str], pod: Mapping[str, str], revision: str) -> Decision:
    if namespace.get(NAMESPACE_LABEL) == "enabled":
        return Decision(inject=True, reason=f"the namespace says '{NAMESPACE_LABEL}: enabled'")
    wanted = namespace.get(REVISION) or pod.get(REVISION)
    if wanted == revision:
        return Decision(inject=True, reason=f"label '{REVISION}: {wanted}' asks for it")
    return Decision(inject=False, reason="neither namespace nor pod asks for it")
