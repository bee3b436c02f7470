"""WorkloadGroups by hand: a group from flags, and the WorkloadEntry of one machine from a group.

Place:  apps/cli · x → [workload_groups]
Source: Istio, "WorkloadGroup"; istioctl experimental workload
"""

from collections.abc import Mapping
from typing import Any

Tree = dict[str, Any]
API = "networking.istio.io/v1"


def group(name: str, namespace: str, template: Mapping[str, Any], labels: Mapping[str, str]) -> Tree:
    """A group. `template`: `ports` and `serviceAccount`; empty ones are left out."""
    written = {word: value for word, value in template.items() if value}
    metadata = {"metadata": {"labels": dict(labels)}} if labels else {}
    return {
        "apiVersion": API,
        "kind": "WorkloadGroup",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {**metadata, "template": written},
    }


def entry(written: Tree, address: str, name: str = "") -> Tree:
    """The WorkloadEntry of one machine, as Istio makes it when a machine of the group registers.

    Labels of the group's `metadata` win over those of its template.
    """
    spec: Tree = written.get("spec") or {}
    template: Tree = spec.get("template") or {}
    metadata: Tree = spec.get("metadata") or {}
    labels: dict[str, str] = {**(template.get("labels") or {}), **(metadata.get("labels") or {})}
    of_group: Tree = written.get("metadata") or {}
    own: Tree = {
        "name": name or f"{of_group.get('name', '')}-{address.replace(':', '-')}",
        "namespace": of_group.get("namespace") or "default",
        "labels": labels,
        "annotations": metadata.get("annotations") or {},
    }
    return {
        "apiVersion": API,
        "kind": "WorkloadEntry",
        "metadata": {word: value for word, value in own.items() if value},
        "spec": {**template, "address": address, **({"labels": labels} if labels else {})},
    }


def pairs(text: str) -> dict[str, str]:
    """`a=1,b=2`. Raises ValueError."""
    found: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise ValueError(f"'{part}' is not of the form name=value")
        found[name.strip()] = value.strip()
    return found
