"""What a document is called, where it came from, and what it holds.

Place:  model · made by parse, kept by stores, read by every stage
"""

from typing import Generic, NewType, TypeVar

from meltemi.core.model.value import Value

Path = NewType("Path", str)
"""A place inside a document as a user writes it: `spec.http[0].retries.retryOn`; empty for the whole."""

Spec_co = TypeVar("Spec_co", covariant=True)

LOCAL_CLUSTER = "Kubernetes"
"""The cluster id of the mesh's own store (Istio's default CLUSTER_ID)."""


class Key(Value, frozen=True, kw_only=True, order=True):
    """The one name of a document. API versions of a kind share it; two groups may have one kind."""

    cluster: str = LOCAL_CLUSTER
    group: str
    """API group, empty for the core of Kubernetes."""
    kind: str
    namespace: str
    """Empty for kinds without namespaces."""
    name: str

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {place}"


class Origin(Value, frozen=True, kw_only=True, order=True):
    """Which statement of which document a derived thing comes from."""

    key: Key
    path: Path = Path("")


class Meta(Value, frozen=True, kw_only=True):
    """The part of `metadata` that the mesh reads."""

    name: str
    namespace: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    """Sorted by name."""
    annotations: tuple[tuple[str, str], ...] = ()
    """Sorted by name."""
    created: str = ""
    """creationTimestamp, RFC 3339 in UTC; empty sorts as newest (a document that was never stored)."""
    deleted: str = ""
    """deletionTimestamp, RFC 3339; empty while the object is not being deleted."""


class Document(Value, Generic[Spec_co], frozen=True, kw_only=True):
    """One sound object: its name and its typed content (a `model.traffic` or `model.kube` value)."""

    key: Key
    version: str
    """API version as written, without the group: `v1`, `v1alpha3`."""
    meta: Meta
    spec: Spec_co
