"""The engine's inputs with their types.

Place:  stores → ingest → engine inputs → [compose/inputs] → compose
"""

from typing import cast

from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Document, Key
from meltemi.core.model.value import Value


def keys(e: Engine, group: str, kind: str) -> tuple[Key, ...]:
    """Keys of all sound documents of a kind, sorted."""
    found = cast("frozenset[Key] | None", e.read(("docs", group, kind)))
    return tuple(sorted(found or ()))


def document(e: Engine, key: Key) -> Document[Value] | None:
    """A sound document; None where there is none."""
    return cast("Document[Value] | None", e.read(("doc", key)))
