"""Label selectors.

Place:  node · used by deployments, replica_sets, endpoint_slices
API:    meta/v1, message LabelSelector
"""

from collections.abc import Mapping
from typing import Any

from meltemi.core.node.objects import Tree, items


def selects(selector: Tree, labels: Mapping[str, str]) -> bool:
    """Whether labels meet `matchLabels` and every one of `matchExpressions`; an empty selector selects all."""
    wanted: Mapping[str, str] = selector.get("matchLabels") or {}
    return has_all(wanted, labels) and all(_meets(e, labels) for e in items(selector, "matchExpressions"))


def has_all(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether all wanted labels are there with their values."""
    return all(labels.get(name) == value for name, value in wanted.items())


def _meets(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    name = str(expression.get("key"))
    values: list[Any] = expression.get("values") or []
    match expression.get("operator"):
        case "In":
            return labels.get(name) in values
        case "NotIn":
            return labels.get(name) not in values
        case "Exists":
            return name in labels
        case "DoesNotExist":
            return name not in labels
        case _:
            return False
