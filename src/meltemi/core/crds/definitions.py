"""The catalogue of kinds → CustomResourceDefinitions for a Kubernetes API server.

Place:  model/kinds → crds/schema → [crds/definitions] → apps (installed by the control plane, printed by `manifest`)
"""

from collections.abc import Iterator
from typing import Any

from meltemi.core.crds.schema import Describe, Schema, schema_of
from meltemi.core.model.kinds import KINDS, Kind, KindRole

Definition = dict[str, Any]

GROUPS = frozenset({"networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io"})
"""API groups of today's Istio."""
OLD_GROUPS = frozenset({"config.istio.io", "rbac.istio.io", "authentication.istio.io"})
"""API groups that ended with Istio 1.5: dozens of kinds, each with a price in an API server's memory."""

_FREE: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_COLUMNS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "VirtualService": (("Gateways", "string", ".spec.gateways"), ("Hosts", "string", ".spec.hosts")),
    "DestinationRule": (("Host", "string", ".spec.host"),),
    "Gateway": (("Selector", "string", ".spec.selector"),),
    "ServiceEntry": (
        ("Hosts", "string", ".spec.hosts"),
        ("Location", "string", ".spec.location"),
        ("Resolution", "string", ".spec.resolution"),
    ),
    "WorkloadEntry": (("Address", "string", ".spec.address"),),
    "PeerAuthentication": (("Mode", "string", ".spec.mtls.mode"),),
}
"""What `kubectl get` shows beside the name: Istio's columns."""
_ALWAYS = (
    ("Programmed", "string", ".status.conditions[?(@.type=='Programmed')].message"),
    ("Age", "date", ".metadata.creationTimestamp"),
)


def is_ours(kind: Kind, *, old: bool = False) -> bool:
    """Whether a kind needs a definition of ours: Istio's do, those of Kubernetes are there."""
    return kind.group in GROUPS or (old and kind.group in OLD_GROUPS)


def definitions(describe: Describe, *, old: bool = False) -> Iterator[Definition]:
    """The definition of each kind of Istio's that is read or stored; with `old` also of those that Istio gave up."""
    return (definition(kind, describe) for kind in KINDS if is_ours(kind, old=old))


def definition(kind: Kind, describe: Describe) -> Definition:
    """One CustomResourceDefinition: every version that is read, all of one schema; the first is stored."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{kind.group}",
            "labels": {"app.kubernetes.io/part-of": "meltemi"},
        },
        "spec": {
            "group": kind.group,
            "names": _names(kind),
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "versions": [_version(kind, version, describe) for version in kind.versions],
            "conversion": {"strategy": "None"},
        },
    }


def _names(kind: Kind) -> dict[str, Any]:
    names: dict[str, Any] = {
        "kind": kind.kind,
        "listKind": f"{kind.kind}List",
        "plural": kind.plural,
        "singular": kind.singular,
        "categories": ["istio-io", kind.group.replace(".", "-")],
    }
    return names | ({"shortNames": list(kind.short_names)} if kind.short_names else {})


def _version(kind: Kind, version: str, describe: Describe) -> dict[str, Any]:
    columns = (*_COLUMNS.get(kind.kind, ()), *_ALWAYS)
    return {
        "name": version,
        "served": True,
        "storage": version == kind.versions[0],
        "subresources": {"status": {}},
        "additionalPrinterColumns": [{"name": name, "type": of, "jsonPath": path} for name, of, path in columns],
        "schema": {"openAPIV3Schema": _schema(kind, describe)},
    }


def _schema(kind: Kind, describe: Describe) -> Schema:
    # What is stored without being read has any form.
    spec = schema_of(kind.content, describe) if kind.content else _FREE
    text = describe(kind.content, "") if kind.content else ""
    if kind.role is KindRole.LATER:
        text = f"{text} Stored, without effect yet.".strip()
    return {"type": "object", "description": text, "properties": {"spec": spec, "status": _status()}}


def _status() -> Schema:
    text: Schema = {"type": "string"}
    number: Schema = {"type": "integer", "format": "int64"}
    condition: Schema = {
        "type": "object",
        "required": ["type", "status"],
        "properties": {
            **dict.fromkeys(("type", "status", "reason", "message"), text),
            "lastTransitionTime": {"type": "string", "format": "date-time"},
            "observedGeneration": number,
        },
    }
    finding: Schema = {
        "type": "object",
        "properties": dict.fromkeys(("code", "severity", "path", "message", "help"), text),
    }
    return {
        "type": "object",
        "description": "What the control plane says of the object: whether it is accepted, who has it, its faults.",
        "properties": {
            "observedGeneration": number,
            "conditions": {
                "type": "array",
                "items": condition,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
            "findings": {"type": "array", "items": finding},
        },
    }
