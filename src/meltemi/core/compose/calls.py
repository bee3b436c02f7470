"""What a workload's own calls have asked for: names of hosts, by route table.

Place:  shell/publish puts them → [compose/calls] → view/held, pipeline/scope

They belong to the workload and not to one of its proxies, so that replicas and successors know them too. Names are
kept, not hosts: who answers to a name is decided anew with every change of the mesh.
"""

from collections.abc import Hashable
from typing import cast

from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import Caller

MOST_CALLED = 2048
"""Names of one workload. One that calls more is given everything, for what it holds must be found in its proxy."""


def called_input(caller: Caller) -> Hashable:
    """The engine's input with `TABLE/NAME` of all that was called."""
    return "called", caller


def called(e: Engine, caller: Caller) -> frozenset[str]:
    """`TABLE/NAME` of all that a workload has called."""
    return cast("frozenset[str] | None", e.read(called_input(caller))) or frozenset()


def called_in(e: Engine, caller: Caller, table: str) -> tuple[str, ...]:
    """Names that a workload has called in one table, sorted."""
    found = (one.partition("/") for one in called(e, caller))
    return tuple(sorted(name for place, _, name in found if place == table))


def calls_too_many(e: Engine, caller: Caller) -> bool:
    """Whether a workload has called more than is remembered."""
    return len(called(e, caller)) > MOST_CALLED
