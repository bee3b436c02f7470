"""The answer to one question, from the table alone.

Place:  node · dns_table, Query → [dns_answer] → shell/runtime/dns, which asks others where the table knows nothing
"""

from collections.abc import Sequence

from meltemi.core.model.value import Value
from meltemi.core.node import dns_wire as wire
from meltemi.core.node.dns_table import DnsTable, Name
from meltemi.core.node.dns_wire import Code, Record, Type

CHASE = 8
"""Aliases that are followed before a chain counts as endless."""


class Answer(Value, frozen=True, kw_only=True):
    """What to say; with `ask`, what others say of that name belongs behind it."""

    code: Code = Code.OK
    records: tuple[Record, ...] = ()
    ask: str = ""


def answer(table: DnsTable, name: str, kind: int) -> Answer | None:
    """The answer, or None where the name is not ours. `name`: lower case, without the last dot."""
    if not _is_ours(table, name):
        return None
    chain: list[Record] = []
    for _ in range(CHASE):
        if (target := table.pointers.get(name)) is not None:
            return Answer(records=(*chain, wire.pointer(name, target)) if kind in (Type.PTR, Type.ANY) else ())
        found = table.names.get(name)
        if found is None:
            return Answer(code=Code.NO_SUCH_NAME, records=tuple(chain))
        if not found.alias:
            return Answer(records=(*chain, *_records(name, found, kind)))
        chain.append(wire.alias(name, found.alias))
        if kind == Type.CNAME:
            return Answer(records=tuple(chain))
        name = found.alias
        if not _is_ours(table, name):
            return Answer(records=tuple(chain), ask=name)
    return Answer(code=Code.FAILED)


def captured(table: DnsTable, name: str, kind: int, namespace: str) -> Answer | None:
    """The answer to a workload of `namespace` whose questions the mesh captures; None where `answer` says more."""
    if name in table.names:
        return None
    parents = (f"*{name[i:]}" for i, letter in enumerate(name) if letter == ".")
    shown = (one for pattern in (name, *parents) for one in table.entries.get(pattern, ()))
    found = next((one for one in shown if not {"*", namespace}.isdisjoint(one.namespaces)), None)
    return Answer(records=tuple(_records(name, Name(addresses=found.addresses), kind))) if found else None


def _is_ours(table: DnsTable, name: str) -> bool:
    return any(name == zone or name.endswith(f".{zone}") for zone in table.zones)


def _records(name: str, found: Name, kind: int) -> Sequence[Record]:
    records: list[Record] = []
    if kind in (Type.A, Type.ANY):
        records += [wire.address(name, ip) for ip in found.addresses]
    if kind in (Type.SRV, Type.ANY):
        records += [wire.service(name, target.port, target.host) for target in found.targets]
    return records
