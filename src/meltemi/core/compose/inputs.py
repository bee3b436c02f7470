"""The engine's inputs with their types.

Place:  stores → ingest → engine inputs → [compose/inputs] → compose
"""

from collections.abc import Mapping
from typing import TypeVar, cast

from meltemi.core.compose.mesh import mesh
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Document, Key
from meltemi.core.model.mesh import LabelSelector, LabelSelectorRequirement, SelectorOperator
from meltemi.core.model.value import Value

T = TypeVar("T", bound=Value)

NAME_LABEL = "kubernetes.io/metadata.name"
"""Every namespace has it."""

Age = tuple[str, str, str]
"""Sort key of documents, the oldest first: creation time, name, namespace."""
_NEWEST = "\uffff"
"""Sorts after every time stamp: documents that were never stored are newer than stored ones."""


def keys(e: Engine, group: str, kind: str) -> tuple[Key, ...]:
    """Keys of all sound documents of a kind in the namespaces that the mesh looks at, sorted."""
    found = cast("frozenset[Key] | None", e.read(("docs", group, kind))) or frozenset[Key]()
    if e.get(looks_everywhere):
        return tuple(sorted(found))
    return tuple(sorted(key for key in found if not key.namespace or e.get(is_discovered, key.namespace)))


def keys_in(e: Engine, group: str, kind: str, namespace: str) -> tuple[Key, ...]:
    """Those of one namespace: what comes or goes in another does not touch them."""
    return e.get(_by_namespace, group, kind).get(namespace, ())


def _by_namespace(e: Engine, group: str, kind: str) -> Mapping[str, tuple[Key, ...]]:
    found: dict[str, list[Key]] = {}
    for key in keys(e, group, kind):
        found.setdefault(key.namespace, []).append(key)
    return {namespace: tuple(own) for namespace, own in found.items()}


def looks_everywhere(e: Engine) -> bool:
    """Whether the mesh looks at all namespaces; stands between its settings and all lists."""
    return not mesh(e).discovery_selectors


def is_discovered(e: Engine, namespace: str) -> bool:
    """Whether the mesh looks at a namespace: `discoverySelectors`, of which one must fit; never without its root."""
    settings = mesh(e)
    found = document(e, Key(group="", kind="Namespace", namespace="", name=namespace))
    labels = {NAME_LABEL: namespace, **(dict(found.meta.labels) if found else {})}
    return namespace == settings.root_namespace or any(_fits(one, labels) for one in settings.discovery_selectors)


def _fits(selector: LabelSelector, labels: dict[str, str]) -> bool:
    return all(labels.get(name) == value for name, value in selector.match_labels) and all(
        _holds(one, labels.get(one.key)) for one in selector.match_expressions
    )


def _holds(asked: LabelSelectorRequirement, value: str | None) -> bool:
    match asked.operator:
        case SelectorOperator.IN:
            return value in asked.values
        case SelectorOperator.NOT_IN:
            return value not in asked.values
        case SelectorOperator.EXISTS:
            return value is not None
        case SelectorOperator.DOES_NOT_EXIST:
            return value is None


def document(e: Engine, key: Key) -> Document[Value] | None:
    """A sound document; None where there is none."""
    return cast("Document[Value] | None", e.read(("doc", key)))


def read_as(e: Engine, key: Key, content: type[T]) -> Document[T] | None:
    """A sound document with content of one type; None where there is none."""
    found = document(e, key)
    return cast("Document[T]", found) if found is not None and isinstance(found.spec, content) else None


def age_of(found: Document[T]) -> Age:
    """How old a document is, among others."""
    return found.meta.created or _NEWEST, found.key.name, found.key.namespace
