"""A document as plain data, before it has a type: what YAML and JSON hold.

Place:  model · made by parse/yaml → parse/decode → typed values; check/effect walks it too
"""

from functools import lru_cache
from typing import NewType, TypeAlias

from meltemi.core.model.document import Path

Tree: TypeAlias = "bool | int | float | str | list[Tree] | dict[str, Tree] | None"

Free = NewType("Free", str)
"""A mapping whose fields the mesh does not know, as JSON with sorted keys: it can be compared and hashed."""

_ROOT = Path("")
KEPT = 4096
"""Answers that are remembered of names; the same few words stand in every document."""


def field(path: Path, name: str) -> Path:
    """The path of a field of a mapping; names that are not plain words are quoted: `labels["a.b/c"]`."""
    if not _plain(name):
        return Path(f'{path}["{name}"]')
    return Path(f"{path}.{name}" if path else name)


@lru_cache(KEPT)
def _plain(name: str) -> bool:
    return name.replace("_", "").replace("-", "").isalnum()


def item(path: Path, index: int) -> Path:
    """The path of an item of a list, counted from 0."""
    return Path(f"{path}[{index}]")


def parent(path: Path) -> Path:
    """The path one step up; the root's parent is the root."""
    if path.endswith('"]'):
        return Path(path[: path.rfind('["')])
    cut = max(path.rfind("."), path.rfind("["))
    return Path(path[:cut]) if cut > 0 else _ROOT


@lru_cache(KEPT)
def camel(name: str) -> str:
    """The JSON name of a protobuf field: `retry_on` → `retryOn`, `consecutive_5xx_errors` → `consecutive5xxErrors`."""
    head, *rest = name.rstrip("_").split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)
