"""A pod of a template, and the times at which controllers look again.

Place:  node · used by replica_sets, stateful_sets, daemon_sets, jobs
"""

from collections.abc import Iterable, Mapping
from typing import Any

from meltemi.core.model.document import Key
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value
from meltemi.core.node.objects import Action, Object, Put, Tree, annotations_of, labels_of, meta, owner_reference, spec

NAME_LIMIT = 57
"""Longest beginning of a generated name, so that a dash and five random characters fit into 63."""


class Round(Value, frozen=True, kw_only=True):
    """What one object needs done now."""

    actions: tuple[Action, ...] = ()
    again: Seconds | None = None
    """When to look again although nothing has changed."""


def pod_of(
    owner: Object,
    template: Tree,
    name: str,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Put:
    """A new pod. `labels`, `annotations`, `more` (fields of its spec) go before what the template says."""
    metadata: dict[str, Any] = {
        **meta(template),
        "name": name,
        "namespace": owner.key.namespace,
        "labels": {**labels_of(template), **(labels or {})},
        "annotations": {**annotations_of(template), **(annotations or {})},
        "ownerReferences": [owner_reference(owner.tree)],
    }
    tree = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {**spec(template), **(more or {})}}
    return Put(key=Key(group="", kind="Pod", namespace=owner.key.namespace, name=name), tree=tree, expected=0)


def generated(owner: Object, suffix: str) -> str:
    """A name that begins as its owner's."""
    return f"{owner.key.name[:NAME_LIMIT]}-{suffix}"


def soonest(moments: Iterable[float | None], now: float) -> Seconds | None:
    """How long until the first of these moments that is still to come."""
    waits = [moment - now for moment in moments if moment is not None and moment > now]
    return Seconds(min(waits)) if waits else None
