"""Changes of a list whose order counts: filters, routes.

Place:  view/patches → [envoy/patch/edit] → envoy/patch/{filters,routes}
Source: Istio, reference, "EnvoyFilter.Patch.Operation"
"""

import json
from collections.abc import Callable, MutableSequence
from functools import lru_cache
from typing import TypeVar, cast

from meltemi.core.envoy import pb
from meltemi.core.envoy.extension import NETWORK_KINDS
from meltemi.core.envoy.filters import discovered
from meltemi.core.messages.patched import patched_type
from meltemi.core.messages.read import read
from meltemi.core.model.document import Origin
from meltemi.core.model.traffic.envoy_filter import ApplyTo, Operation
from meltemi.core.view.patches import Patch

M = TypeVar("M", bound=pb.Message)
Hits = set[Origin]
"""Changes that were made."""


def value_of(patch: Patch) -> pb.Message:
    """What a change says, as a message of its own. Sound documents describe one."""
    if patch.extension:
        return discovered(patch.extension, NETWORK_KINDS)
    made = type(_value(patch.apply_to, patch.value))()
    made.CopyFrom(_value(patch.apply_to, patch.value))
    return made


@lru_cache(maxsize=256)
def _value(apply_to: ApplyTo, text: str) -> pb.Message:
    kind = patched_type(apply_to)
    return read(kind, json.loads(text)) or kind()


def replace_all(written: MutableSequence[M], items: list[M]) -> None:
    """Make a repeated field these messages."""
    kept = [_copy(one) for one in items]
    del written[:]
    written.extend(kept)


def _copy(message: M) -> M:
    made = type(message)()
    made.CopyFrom(message)
    return made


def edited(
    items: list[M], patch: Patch, meets: Callable[[M], bool], *, named: bool, end: Callable[[list[M]], int] = len
) -> list[M] | None:
    """The list after a change; None where it changes nothing. MERGE is not made here.

    `named`: the change says which item it is about; without, INSERT_AFTER means the end and INSERT_BEFORE the
    beginning, and nothing is removed or replaced. `end`: the place for what is added.
    """
    where = next((i for i, one in enumerate(items) if meets(one)), None) if named else None
    place = _place(items, patch.operation, where, named=named, end=end)
    if place is not None:
        return [*items[:place], cast(M, value_of(patch)), *items[place:]]
    if not named or where is None:
        return None
    if patch.operation is Operation.REPLACE:
        return [*items[:where], cast(M, value_of(patch)), *items[where + 1 :]]
    if patch.operation is Operation.REMOVE:
        return [one for one in items if not meets(one)]
    return None


def _place(
    items: list[M], operation: Operation, where: int | None, *, named: bool, end: Callable[[list[M]], int]
) -> int | None:
    """Where something is put in; None where nothing is."""
    match operation:
        case Operation.ADD:
            return end(items)
        case Operation.INSERT_FIRST:
            return 0
        case Operation.INSERT_AFTER:
            return (where + 1 if where is not None else None) if named else end(items)
        case Operation.INSERT_BEFORE:
            return where if named else 0
        case _:
            return None
