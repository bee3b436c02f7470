"""Put one message into another.

Place:  [envoy/patch/merge] → envoy/patch/{cluster,listener,filters,routes}
Source: Protocol Buffers, "Merge" (fields that are set win, lists are added to, entries of maps replaced); Istio,
        pkg/proto/merge: a duration is one value. So are wrappers here: who writes `false` means it.
"""

from typing import cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from meltemi.core.envoy import pb
from meltemi.core.messages.by_name import message_type

_ONE_VALUE = frozenset(
    f"google.protobuf.{name}"
    for name in (
        *("Duration", "Timestamp"),
        *(f"{kind}Value" for kind in ("Bool", "Bytes", "Double", "Float", "String")),
        *(f"{kind}Value" for kind in ("Int32", "Int64", "UInt32", "UInt64")),
    )
)


def merge(into: Message, patch: Message, *, replace_lists: bool = False) -> None:
    """Set in `into` what `patch` sets. Both are of one type."""
    for field, value in patch.ListFields():
        inner = field.message_type
        if field.is_repeated:
            _merge_repeated(into, patch, field, replace_lists=replace_lists)
        elif inner is None:
            setattr(into, field.name, value)
        elif inner.full_name in _ONE_VALUE:
            getattr(into, field.name).CopyFrom(value)
        else:
            here: Message = getattr(into, field.name)
            here.SetInParent()
            merge(here, cast(Message, value), replace_lists=replace_lists)


def _merge_repeated(into: Message, patch: Message, field: FieldDescriptor, *, replace_lists: bool) -> None:
    if replace_lists and not _is_map(field):
        into.ClearField(field.name)
    only = type(patch)()
    only.MergeFrom(patch)
    for other, _ in patch.ListFields():
        if other.name != field.name:
            only.ClearField(other.name)
    into.MergeFrom(only)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def merge_any(into: pb.Any, patch: pb.Any) -> None:
    """The same inside of two packed messages. Where their types differ the patch takes the place."""
    kind = message_type(into.type_url.rpartition("/")[2]) if into.type_url == patch.type_url else None
    if kind is None:
        into.CopyFrom(patch)
        return
    whole = kind.FromString(into.value)
    merge(whole, kind.FromString(patch.value))
    into.CopyFrom(pb.any_of(whole))
