"""The engine's inputs with their types.

Place:  stores → ingest → engine inputs → [compose/inputs] → compose
"""

from typing import TypeVar, cast

from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Document, Key
from meltemi.core.model.value import Value

T = TypeVar("T", bound=Value)

Age = tuple[str, str, str]
"""Sort key of documents, the oldest first: creation time, name, namespace."""
_NEWEST = "\uffff"
"""Sorts after every time stamp: documents that were never stored are newer than stored ones."""


def keys(e: Engine, group: str, kind: str) -> tuple[Key, ...]:
    """Keys of all sound documents of a kind, sorted."""
    found = cast("frozenset[Key] | None", e.read(("docs", group, kind)))
    return tuple(sorted(found or ()))


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
