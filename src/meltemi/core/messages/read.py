"""Plain trees → Envoy's messages, with all faults at once and where they are.

Place:  messages/by_name → [messages/read] → check/envoy_values, envoy/patch
Source: Protocol Buffers, "ProtoJSON format": names in camelCase or as in the proto file, `@type` in an Any
"""

from collections.abc import Iterator
from typing import TypeVar, cast

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from meltemi.core.messages.by_name import PREFIX, message_type
from meltemi.core.model.tree import Tree
from meltemi.core.model.value import Value

M = TypeVar("M", bound=Message)
Steps = tuple[str | int, ...]

_WHOLE = frozenset(
    f"google.protobuf.{name}"
    for name in (
        *("Struct", "Value", "ListValue", "Duration", "Timestamp", "FieldMask", "Empty"),
        *(
            f"{kind}Value"
            for kind in ("Bool", "Bytes", "Double", "Float", "Int32", "Int64", "String", "UInt32", "UInt64")
        ),
    )
)
"""Messages that stand in JSON as something else than a mapping of their fields."""
_ANY = "google.protobuf.Any"


class Fault(Value, frozen=True, kw_only=True):
    """What is wrong with a tree."""

    steps: Steps
    """From the tree's top: names as they are written, and indexes."""
    message: str
    known: tuple[str, ...] = ()
    """Names that would be possible there."""
    type: bool = False
    """It is the message that is not known."""


def read(kind: type[M], tree: Tree) -> M | None:
    """The message that a tree describes; None where it describes none."""
    if next(faults(kind, tree), None) is not None:
        return None
    return _parsed(kind, tree)


def faults(kind: type[Message], tree: Tree) -> Iterator[Fault]:
    """Every fault of a tree as a message of one kind."""
    found = list(_message(_described(kind), tree, ()))
    yield from found
    if not found:
        yield from _whole(kind, tree)


def _described(kind: type[Message]) -> Descriptor:
    return cast(Descriptor, kind.DESCRIPTOR)  # of its class in C, which has the same properties


def _parsed(kind: type[M], tree: Tree) -> M:
    made = kind()
    json_format.ParseDict(cast("dict[str, object]", tree), made)
    return made


def _whole(kind: type[Message], tree: Tree) -> Iterator[Fault]:
    """What only shows when all is put together: two fields of a oneof, too deep a nesting."""
    try:
        _parsed(kind, tree)
    except (json_format.ParseError, RecursionError, TypeError, ValueError, AttributeError) as problem:
        yield Fault(steps=(), message=_short(problem))


def _message(kind: Descriptor, tree: Tree, steps: Steps) -> Iterator[Fault]:
    if not isinstance(tree, dict):
        yield Fault(steps=steps, message=f"a mapping is wanted here: the fields of {kind.full_name}")
        return
    fields = {field.json_name: field for field in kind.fields} | {field.name: field for field in kind.fields}
    for name, child in tree.items():
        if name not in fields:
            known = tuple(sorted(field.name for field in kind.fields))
            yield Fault(steps=(*steps, name), message=f"{kind.full_name} has no field {name!r}", known=known)
        elif child is not None:
            yield from _field(kind, fields[name], child, (*steps, name))


def _field(kind: Descriptor, field: FieldDescriptor, tree: Tree, steps: Steps) -> Iterator[Fault]:
    inner = field.message_type
    if inner is not None and inner.GetOptions().map_entry:
        yield from _map(kind, field, tree, steps)
    elif inner is None or inner.full_name in _WHOLE:
        yield from _leaf(kind, field, tree, steps)
    elif not field.is_repeated:
        yield from _one(inner, tree, steps)
    elif isinstance(tree, list):
        for i, child in enumerate(tree):
            yield from _one(inner, child, (*steps, i))
    else:
        yield Fault(steps=steps, message="a list is wanted here")


def _map(kind: Descriptor, field: FieldDescriptor, tree: Tree, steps: Steps) -> Iterator[Fault]:
    entry = field.message_type
    inner = entry.fields_by_name["value"].message_type if entry else None
    if inner is None or inner.full_name in _WHOLE or not isinstance(tree, dict):
        yield from _leaf(kind, field, tree, steps)
        return
    for name, child in tree.items():
        yield from _one(inner, child, (*steps, name))


def _one(kind: Descriptor, tree: Tree, steps: Steps) -> Iterator[Fault]:
    yield from _any(tree, steps) if kind.full_name == _ANY else _message(kind, tree, steps)


def _any(tree: Tree, steps: Steps) -> Iterator[Fault]:
    url = tree.get("@type") if isinstance(tree, dict) else None
    if not isinstance(tree, dict) or not isinstance(url, str):
        yield Fault(steps=steps, message="it is not said which message this is", known=("@type",), type=True)
        return
    name = url.rpartition("/")[2]
    kind = message_type(name)
    if kind is None or not url.startswith(PREFIX):
        yield Fault(steps=(*steps, "@type"), message=f"message {name!r} is not known to Envoy", type=True)
        return
    inside = {key: child for key, child in tree.items() if key != "@type"}
    if name in _WHOLE:
        return
    yield from _message(_described(kind), inside, steps)


def _leaf(kind: Descriptor, field: FieldDescriptor, tree: Tree, steps: Steps) -> Iterator[Fault]:
    """A field without fields of its own is tried alone: so its place is known."""
    try:
        _parsed(message_factory.GetMessageClass(kind), {field.name: tree})
    except (json_format.ParseError, RecursionError, TypeError, ValueError, AttributeError) as problem:
        yield Fault(steps=steps, message=_short(problem))


def _short(problem: Exception) -> str:
    """The library's words without the path, which stands beside."""
    text = " ".join(str(problem).split()).rstrip(".")
    return (text.partition(": ")[2] or text) if text.startswith("Failed to parse") else text
