"""What the model's authors say of its classes and fields: the texts of CustomResourceDefinitions.

Place:  apps · sources of core/model → [descriptions] → core/crds
"""

import ast
import inspect
import sys
from functools import cache
from pathlib import Path

from meltemi.core.model.value import Value


def describe(kind: type[Value], attribute: str) -> str:
    """The docstring of a class, or the text below one of its fields; empty where there is none."""
    if not attribute:
        return inspect.cleandoc(kind.__doc__ or "")
    return _fields(kind.__module__).get((kind.__name__, attribute), "")


@cache
def _fields(module: str) -> dict[tuple[str, str], str]:
    """(class, field) → the text that follows the field."""
    file = sys.modules[module].__file__
    if file is None:
        return {}
    found: dict[tuple[str, str], str] = {}
    for node in ast.parse(Path(file).read_text()).body:
        if isinstance(node, ast.ClassDef):
            for before, after in zip(node.body, node.body[1:], strict=False):
                text = _text(after)
                if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name) and text:
                    found[node.name, before.target.id] = text
    return found


def _text(node: ast.stmt) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return inspect.cleandoc(node.value.value)
    return ""
