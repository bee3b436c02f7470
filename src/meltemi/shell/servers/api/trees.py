"""Kubernetes objects as the API handles them: JSON trees, so that nothing unknown gets lost.

Place:  servers/api · used by all its parts
"""

from typing import Any, TypeAlias, cast

Object: TypeAlias = dict[str, Any]


def part(tree: Object, name: str) -> Object:
    """A mapping inside a tree; a new empty one where it is missing or something else."""
    found: Any = tree.get(name)
    return cast("Object", found) if isinstance(found, dict) else {}


def labels_of(tree: Object) -> dict[str, str]:
    """metadata.labels."""
    return part(part(tree, "metadata"), "labels")
