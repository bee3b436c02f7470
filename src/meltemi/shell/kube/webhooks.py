"""The webhook configurations by which a real API server asks the control plane.

Place:  shell/kube · kinds, settings, CA → [webhooks] → install
Source: Kubernetes, "Dynamic Admission Control"; Istio's sidecar injector and validation webhook.
"""

import base64
from collections.abc import Iterator, Sequence
from typing import Any

from meltemi.core.model.kinds import Kind

NAME = "meltemi"
PATH = "/apis/admissionregistration.k8s.io/v1"
SYSTEM = ("kube-system", "kube-public", "kube-node-lease")
"""Namespaces of Kubernetes' own, which must work while the mesh does not."""

Tree = dict[str, Any]


def configurations(kinds: Sequence[Kind], port: int, authority: bytes) -> Iterator[tuple[str, Tree]]:
    """Path and object of each configuration. `kinds`: those that are validated; `authority`: PEM."""
    pods: Tree = {
        **_hook("inject.meltemi.io", "/inject", port, authority),
        # Which pods get a proxy is decided by namespaces, labels and annotations together, as everywhere in the mesh.
        "failurePolicy": "Fail",
        "rules": [_rule("", ["v1"], ["pods"], ["CREATE"])],
    }
    groups = sorted({kind.group for kind in kinds})
    documents: Tree = {
        **_hook("validate.meltemi.io", "/validate", port, authority),
        # What is stored unseen while the control plane is away gets its findings afterwards.
        "failurePolicy": "Ignore",
        "rules": [_documents(group, kinds) for group in groups],
    }
    for kind, plural, hook in (
        ("MutatingWebhookConfiguration", "mutatingwebhookconfigurations", pods),
        ("ValidatingWebhookConfiguration", "validatingwebhookconfigurations", documents),
    ):
        body = {
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": NAME},
            "webhooks": [hook],
        }  # fmt: skip
        yield f"{PATH}/{plural}/{NAME}", body


def _hook(name: str, path: str, port: int, authority: bytes) -> Tree:
    return {
        "name": name,
        "clientConfig": {
            "url": f"https://127.0.0.1:{port}{path}",
            "caBundle": base64.b64encode(authority).decode(),
        },
        "namespaceSelector": {
            "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": list(SYSTEM)}]
        },
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 10,
    }


def _documents(group: str, kinds: Sequence[Kind]) -> Tree:
    ours = [kind for kind in kinds if kind.group == group]
    versions = sorted({version for kind in ours for version in kind.versions})
    return _rule(group, versions, sorted(kind.plural for kind in ours), ["CREATE", "UPDATE"])


def _rule(group: str, versions: Sequence[str], resources: Sequence[str], verbs: Sequence[str]) -> Tree:
    return {
        "apiGroups": [group],
        "apiVersions": list(versions),
        "resources": list(resources),
        "operations": list(verbs),
    }
