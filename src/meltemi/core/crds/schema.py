"""A class of the model → the structural schema by which an API server holds its objects.

Place:  model, parse/decode (how fields are written) → [crds/schema] → crds/definitions
Source: Kubernetes, "Extend the Kubernetes API with CustomResourceDefinitions", structural schemas.

The schema takes what parse takes, but for proto names of fields: an API server knows one name of a field.
"""

import types
import typing
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from meltemi.core.model.tree import Free
from meltemi.core.model.units import Percent, PortNumber, Seconds
from meltemi.core.model.value import Value
from meltemi.core.parse.decode import fields_of, json_name

Schema = dict[str, Any]

Describe = Callable[[type[Value], str], str]
"""(class, attribute; empty for the class itself) → what its author says of it; empty where nothing."""

_SCALARS: dict[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bytes: {"type": "string", "format": "byte"},
    Seconds: {"type": "string"},
    Percent: {"type": "number"},
    PortNumber: {"type": "integer"},
    Free: {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
}


def schema_of(kind: type[Value], describe: Describe, within: tuple[type[Value], ...] = ()) -> Schema:
    """The schema of a class's objects, with descriptions. `within`: the classes around it.

    A class that contains itself (old OutlierDetection has its fields in `http`) is told once more, no deeper:
    structural schemas have no recursion.
    """
    around = (*within, kind)
    fields = _fields(kind, deepest=kind in within)
    properties = {written: _field(kind, at, hint, describe, around) for written, (at, hint) in fields}
    schema: Schema = {"type": "object", "properties": properties}
    if text := describe(kind, ""):
        schema["description"] = text
    groups = [_at_most_one([json_name(kind, at) for at in group]) for group in kind.ONEOFS]
    if groups:
        schema |= groups[0] if len(groups) == 1 else {"allOf": groups}
    return schema


def _fields(kind: type[Value], *, deepest: bool) -> list[tuple[str, tuple[str, Any]]]:
    """JSON name → (attribute, annotation), sorted by name; at the deepest level without those of the class itself."""
    found = {written: at for written, at in fields_of(kind).items() if json_name(kind, at[0]) == written}
    return sorted((name, at) for name, at in found.items() if not (deepest and kind in typing.get_args(at[1])))


def _field(kind: type[Value], attribute: str, hint: Any, describe: Describe, within: tuple[type[Value], ...]) -> Schema:
    schema = _of(hint, describe, within)
    if text := describe(kind, attribute):
        schema["description"] = text
    return schema


def _of(hint: Any, describe: Describe, within: tuple[type[Value], ...]) -> Schema:
    if hint in _SCALARS:
        return dict(_SCALARS[hint])
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {"type": "string", "enum": [str(one) for one in hint]}
    if isinstance(hint, type) and issubclass(hint, Value):
        return schema_of(hint, describe, within)
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        members = [one for one in arguments if one is not type(None)]
        # A number that may be a name (`int | str`) is the one choice that the model has.
        return _of(members[0], describe, within) if len(members) == 1 else {"x-kubernetes-int-or-string": True}
    pair = typing.get_args(arguments[0])
    if typing.get_origin(arguments[0]) is tuple and pair[0] is str:
        return {"type": "object", "additionalProperties": _of(pair[1], describe, within)}
    return {"type": "array", "items": _of(arguments[0], describe, within)}


def _at_most_one(names: list[str]) -> Schema:
    """Protobuf's oneof: none of the fields, or exactly one."""
    each: list[Schema] = [{"required": [name]} for name in names]
    return {"oneOf": [{"not": {"anyOf": each}}, *each]}
