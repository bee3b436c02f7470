"""What happens to an object before it is stored: defaults, injection, validation.

Place:  servers/api · an object as its author sent it → [admission] → the object to store, findings
Source: Kubernetes, "Admission Control in Kubernetes"; API reference, defaults of Service and Deployment.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any, Protocol, cast

import jsonpatch

from meltemi.core.check.validate import check_document
from meltemi.core.model.document import Key
from meltemi.core.model.finding import Finding
from meltemi.core.model.kinds import Kind
from meltemi.shell.servers.api.trees import Object, labels_of, part

Validate = Callable[[Object, str], tuple[Finding, ...]]
"""An object and its namespace → all findings of it alone."""

SERVICE_CIDR = "198.19.0.0/16"
_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""Of generated names: no vowels, so that no words come out (Kubernetes' alphabet)."""


class Injected(Protocol):
    """What core/inject answers to one pod."""

    @property
    def patch(self) -> tuple[Mapping[str, Any], ...] | None:
        """JSON patch, or None where the pod stays as it is."""
        ...

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Errors among them keep the pod out."""
        ...


class Injector(Protocol):
    """core/inject with its settings bound."""

    def __call__(self, pod: Object, *, namespace: str, namespace_labels: Mapping[str, str]) -> Injected:
        """Decide about one pod; it has its name already, and is not changed."""
        ...


def validate(tree: Object, namespace: str) -> tuple[Finding, ...]:
    """All findings that `meltemi validate` has for an object."""
    return check_document(tree, namespace=namespace or "default")[1]


@dataclass(frozen=True, slots=True)
class Admission:
    """The steps, and their settings."""

    inject: Injector | None = None
    """None: no pod gets a proxy."""
    validate: Validate = validate
    defaults: bool = True
    """Write the defaults that others rely on, addresses of Services among them; a real API server does it itself."""
    gracefully: Callable[[Key], Awaitable[object]] | None = None
    """How a real API server is asked to let a Pod go; None: it is marked here."""
    service_cidr: IPv4Network = field(default_factory=lambda: IPv4Network(SERVICE_CIDR))


def named(tree: Object) -> None:
    """Give the object a name where only `generateName` is written."""
    metadata: Object = tree.setdefault("metadata", {})
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = metadata["generateName"] + "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(5))


def defaulted(tree: Object, kind: Kind, old: Object | None, free_address: Callable[[], str]) -> None:
    """Write the defaults that others rely on. `old`: the object that is replaced."""
    spec = part(tree, "spec")
    match kind.group, kind.kind:
        case "", "Service":
            _service(spec, part(old or {}, "spec"), free_address)
        case "", "Pod":
            spec.setdefault("serviceAccountName", "default")
        case "apps", "Deployment":
            _deployment(spec)
        case _:
            pass


def injected(tree: Object, answer: Injected) -> Object:
    """The pod with the injector's patch."""
    if answer.patch is None:
        return tree
    patch = jsonpatch.JsonPatch([dict(one) for one in answer.patch])
    return cast("Object", patch.apply(tree))  # pyright: ignore[reportUnknownMemberType]  (untyped library)


def _service(spec: Object, old: Object, free_address: Callable[[], str]) -> None:
    spec.setdefault("type", "ClusterIP")
    if spec["type"] == "ExternalName":
        return
    if not spec.get("clusterIP"):
        kept = old.get("clusterIP") if old.get("type") != "ExternalName" else None
        spec["clusterIP"] = kept or free_address()
    spec["clusterIPs"] = [spec["clusterIP"]]
    for port in cast("list[Object]", spec.get("ports") or []):
        port.setdefault("protocol", "TCP")
        if "port" in port:
            port.setdefault("targetPort", port["port"])


def _deployment(spec: Object) -> None:
    spec.setdefault("replicas", 1)
    labels = labels_of(part(spec, "template"))
    # extensions/v1beta1 let the selector follow from the template; apps/v1, which is stored, does not.
    if labels and not spec.get("selector"):
        spec["selector"] = {"matchLabels": labels}
