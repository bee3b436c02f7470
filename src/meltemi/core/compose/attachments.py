"""Which proxies a document is for: by selector, by `targetRefs`, or all of its namespace.

Place:  compose/inputs → [compose/attachments] → compose/{authorization,extension,envoy_filters,sidecars,…}
Source: Istio, reference, "WorkloadSelector", "PolicyTargetReference": in the root namespace a selector selects in all
        namespaces; a Gateway's proxies carry its name as a label
"""

from meltemi.core.compose.inputs import Age, age_of
from meltemi.core.model.document import Document, Key
from meltemi.core.model.security.authorization_policy import AuthorizationPolicy
from meltemi.core.model.security.request_authentication import RequestAuthentication
from meltemi.core.model.traffic.common import PolicyTargetReference
from meltemi.core.model.value import Value

GATEWAY_LABEL = "gateway.networking.k8s.io/gateway-name"

Labels = tuple[tuple[str, str], ...]


class Selecting(Value, frozen=True, kw_only=True):
    """Where a document holds that selects workloads of its namespace, or none; a changed content leaves it equal."""

    key: Key
    age: Age
    selector: Labels


class Attached(Value, frozen=True, kw_only=True):
    """Where a document holds; a changed content leaves it equal."""

    key: Key
    order: tuple[int, Age]
    """Sort key: priority, then the oldest first."""
    selector: Labels = ()
    gateways: tuple[str, ...] | None = None
    """Names of the Gateways that it is for, instead of a selector."""


def head_of(found: Document[AuthorizationPolicy] | Document[RequestAuthentication]) -> Attached:
    """Where a document holds that chooses workloads by a selector or by references, the oldest first."""
    spec = found.spec
    refs = (*((spec.target_ref,) if spec.target_ref else ()), *spec.target_refs)
    return Attached(
        key=found.key,
        order=(0, age_of(found)),
        selector=spec.selector.match_labels if spec.selector else (),
        gateways=gateways_of(refs),
    )


def gateways_of(refs: tuple[PolicyTargetReference, ...]) -> tuple[str, ...] | None:
    """Of `targetRefs`, those that have proxies here; None without any reference."""
    return tuple(ref.name for ref in refs if ref.kind == "Gateway") if refs else None


def labels_asked(heads: tuple[Attached, ...]) -> frozenset[str]:
    """Labels of workloads that these documents ask for."""
    refers = (GATEWAY_LABEL for h in heads if h.gateways is not None)
    return frozenset((*(name for h in heads for name, _ in h.selector), *refers))


def attached(heads: tuple[Attached, ...], namespace: str, labels: Labels, root: str) -> tuple[Key, ...]:
    """The documents for one workload: those of the root namespace, then those of its own."""
    spaces = dict.fromkeys((root, namespace))
    return tuple(h.key for space in spaces for h in heads if h.key.namespace == space and _means(h, namespace, labels))


def _means(head: Attached, namespace: str, labels: Labels) -> bool:
    if head.gateways is None:
        return set(head.selector) <= set(labels)
    return head.key.namespace == namespace and dict(labels).get(GATEWAY_LABEL) in head.gateways
