"""Plain trees → values, driven by the annotations of the values' classes; all faults at once.

Place:  parse/yaml → [parse/decode] → parse/documents
In:     a tree, a type of core/model      Out: a value; faults with paths, the value then being of no use

What is accepted is what a cluster with Istio's schemas accepts: field names in camelCase or as in the proto file,
numbers unquoted, enums by name, durations as texts, null as "not written", at most one field of each oneof.
"""

import base64
import binascii
import json
import types
import typing
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from typing import Any, TypeAlias, TypeVar, cast

from meltemi.core.model.document import Path
from meltemi.core.model.tree import Free, Tree, camel, field, item
from meltemi.core.model.units import Percent, PortNumber, Seconds
from meltemi.core.model.value import Value
from meltemi.core.parse.durations import duration
from meltemi.core.parse.faults import Faults, did_you_mean

T = TypeVar("T", bound=Value)

Decoder: TypeAlias = Callable[[Tree, Path, Faults, bool], Any]
"""(tree, its path, where to note faults, whether unknown fields are faults) → a value, or _NOTHING after a fault."""

_NOTHING = object()
_INT32 = range(-(2**31), 2**32)
"""What int32 and uint32 hold; narrower limits are rules of check."""
_SHOWN = 40


def decode(kind: type[T], tree: Tree, path: Path, faults: Faults, *, strict: bool) -> T | None:
    """The value that a tree describes. With faults the result is incomplete or None.

    `strict`: unknown fields are faults; else they are passed over (the stored object keeps them).
    """
    value = _message(kind)(tree, path, faults, strict)
    return None if value is _NOTHING else cast(T, value)


@cache
def fields_of(kind: type[Value]) -> dict[str, tuple[str, Any]]:
    """The fields of a class as users may write them: JSON name and proto name → (attribute, annotation)."""
    hints = typing.get_type_hints(kind)
    found: dict[str, tuple[str, Any]] = {}
    for name, encoded in zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True):
        written = encoded if encoded != name else camel(name)
        found[written] = (name, hints[name])
        if encoded == name:
            found[name.rstrip("_")] = (name, hints[name])
    return found


@cache
def json_name(kind: type[Value], attribute: str) -> str:
    """How a field is called in JSON."""
    return next(written for written, (name, _) in fields_of(kind).items() if name == attribute)


@cache
def _message(kind: type[Value]) -> Decoder:
    def run(tree: Tree, path: Path, faults: Faults, strict: bool) -> Any:
        if not isinstance(tree, dict):
            return _wrong(tree, path, faults, "a mapping")
        known = fields_of(kind)
        taken: dict[str, str] = {}
        values: dict[str, Any] = {}
        for written, child in tree.items():
            if written not in known:
                if strict:
                    _unknown(written, path, faults, kind)
                continue
            attribute, hint = known[written]
            if attribute in taken:
                faults.error(
                    "M1002",
                    field(path, written),
                    f"field {written!r} is already written as {taken[attribute]!r}",
                    about_name=True,
                )
            if child is None:
                continue
            taken[attribute] = written
            value = _decoder(hint)(child, field(path, json_name(kind, attribute)), faults, strict)
            if value is not _NOTHING:
                values[attribute] = value
        _check_oneofs(kind, taken, path, faults)
        return kind(**values)

    return run


def _unknown(written: str, path: Path, faults: Faults, kind: type[Value]) -> None:
    names = {json_name(kind, attribute) for attribute, _ in fields_of(kind).values()}
    tip = did_you_mean(written, names)
    faults.error("M1101", field(path, written), f"unknown field {written!r}", tip, about_name=True)


def _check_oneofs(kind: type[Value], taken: dict[str, str], path: Path, faults: Faults) -> None:
    for group in kind.ONEOFS:
        written = [taken[name] for name in group if name in taken]
        if len(written) > 1:
            names = " and ".join(repr(name) for name in written)
            tip = "keep one of them"
            faults.error("M1105", field(path, written[1]), f"{names} exclude each other", tip, about_name=True)


@cache
def _decoder(hint: Any) -> Decoder:
    scalar = _SCALARS.get(hint)
    if scalar:
        return scalar
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _enum(hint)
    if isinstance(hint, type) and issubclass(hint, Value):
        return _message(hint)
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return _union(tuple(a for a in arguments if a is not type(None)))
    pair = typing.get_args(arguments[0])
    if typing.get_origin(arguments[0]) is tuple and pair[0] is str:
        return _map(pair[1])
    return _list(arguments[0])


def _union(members: tuple[Any, ...]) -> Decoder:
    if len(members) == 1:
        return _decoder(members[0])
    return _int_or_text


def _list(member: Any) -> Decoder:
    def run(tree: Tree, path: Path, faults: Faults, strict: bool) -> Any:
        if not isinstance(tree, list):
            return _wrong(tree, path, faults, "a list", "begin each item with '- '")
        decoder = _decoder(member)
        found: list[Any] = []
        for i, child in enumerate(tree):
            at = item(path, i)
            value = _wrong(child, at, faults, "a value") if child is None else decoder(child, at, faults, strict)
            if value is not _NOTHING:
                found.append(value)
        return tuple(found)

    return run


def _map(member: Any) -> Decoder:
    def run(tree: Tree, path: Path, faults: Faults, strict: bool) -> Any:
        if not isinstance(tree, dict):
            return _wrong(tree, path, faults, "a mapping")
        decoder = _decoder(member)
        found: list[tuple[str, Any]] = []
        for name, child in tree.items():
            at = field(path, name)
            value = _wrong(child, at, faults, "a value") if child is None else decoder(child, at, faults, strict)
            if value is not _NOTHING:
                found.append((name, value))
        return tuple(sorted(found, key=lambda pair: pair[0]))

    return run


def _enum(kind: type[StrEnum]) -> Decoder:
    def run(tree: Tree, path: Path, faults: Faults, strict: bool) -> Any:
        if isinstance(tree, str) and tree in tuple(kind):
            return kind(tree)
        if not isinstance(tree, str):
            return _wrong(tree, path, faults, "a name", f"known: {', '.join(kind)}")
        faults.error("M1104", path, f"unknown value {_shown(tree)}", did_you_mean(tree, list(kind)))
        return _NOTHING

    return run


def _text(tree: Tree, path: Path, faults: Faults, strict: bool) -> Any:
    if isinstance(tree, str):
        return tree
    tip = "write it in quotes" if not isinstance(tree, (list, dict)) else ""
    return _wrong(tree, path, faults, "a text", tip)


def _flag(tree: Tree, path: Path, faults: Faults, strict: bool) -> Any:
    return tree if isinstance(tree, bool) else _wrong(tree, path, faults, "true or false", _unquote(tree))


def _whole(tree: Tree, path: Path, faults: Faults, strict: bool) -> Any:
    if isinstance(tree, bool) or not isinstance(tree, int):
        return _wrong(tree, path, faults, "a whole number", _unquote(tree))
    if tree not in _INT32:
        return _wrong(tree, path, faults, "a whole number of 32 bits")
    return tree


def _number(tree: Tree, path: Path, faults: Faults, strict: bool) -> Any:
    if isinstance(tree, bool) or not isinstance(tree, (int, float)):
        return _wrong(tree, path, faults, "a number", _unquote(tree))
    return float(tree)


def _span(tree: Tree, path: Path, faults: Faults, strict: bool) -> Any:
    found = duration(tree) if isinstance(tree, str) else None
    if found is None:
        return _wrong(tree, path, faults, "a duration", "write a number with a unit, like '10s', '1.5h' or '250ms'")
    return found


def _bytes(tree: Tree, path: Path, faults: Faults, strict: bool) -> Any:
    if not isinstance(tree, str):
        return _text(tree, path, faults, strict)
    try:
        return base64.b64decode("".join(tree.split()), validate=True)
    except (binascii.Error, ValueError):
        return _wrong(tree, path, faults, "base64")


def _int_or_text(tree: Tree, path: Path, faults: Faults, strict: bool) -> Any:
    return tree if isinstance(tree, str) else _whole(tree, path, faults, strict)


def _free(tree: Tree, path: Path, faults: Faults, strict: bool) -> Any:
    return Free(json.dumps(tree, sort_keys=True)) if isinstance(tree, dict) else _wrong(tree, path, faults, "a mapping")


_SCALARS: dict[Any, Decoder] = {
    str: _text,
    bool: _flag,
    int: _whole,
    float: _number,
    bytes: _bytes,
    Seconds: _span,
    Percent: _number,
    PortNumber: _whole,
    Free: _free,
}


def _wrong(tree: Tree, path: Path, faults: Faults, wanted: str, tip: str = "") -> Any:
    faults.error("M1103", path, f"{wanted} is wanted here, not {_shown(tree)}", tip)
    return _NOTHING


def _unquote(tree: Tree) -> str:
    return "write it without quotes" if isinstance(tree, str) else ""


def _shown(tree: Tree) -> str:
    """A value as a message shows it: short, and named by its kind where it is long."""
    if isinstance(tree, dict):
        return "a mapping"
    if isinstance(tree, list):
        return "a list"
    if tree is None:
        return "nothing"
    if isinstance(tree, bool):
        return "true" if tree else "false"
    if isinstance(tree, str):
        return repr(tree if len(tree) <= _SHOWN else tree[:_SHOWN] + "…")
    return f"the number {tree}"
