"""Calls in memory, keeping every promise of the port (held by tests/contract)."""

from collections.abc import Mapping

from meltemi.core.model.proxy import Caller
from meltemi.shell.stores.calls import MOST


class FakeCalls:
    """A dict, in the order in which names were remembered."""

    def __init__(self) -> None:
        self.kept: dict[tuple[Caller, str], None] = {}

    def calls(self) -> Mapping[Caller, frozenset[str]]:
        found: dict[Caller, set[str]] = {}
        for caller, name in self.kept:
            found.setdefault(caller, set()).add(name)
        return {caller: frozenset(names) for caller, names in found.items()}

    def remember(self, caller: Caller, names: frozenset[str]) -> None:
        for name in sorted(names):
            self.kept.setdefault((caller, name))
        while len(self.kept) > MOST:
            del self.kept[next(iter(self.kept))]
