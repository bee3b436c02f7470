"""Refusals in memory, keeping every promise of the port (held by tests/contract)."""

from collections.abc import Sequence

from meltemi.core.model.refusal import Refusal
from meltemi.core.xds.refusals import MOST


class FakeRefusals:
    """A dict."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, ...], Refusal] = {}

    def refusals(self) -> Sequence[Refusal]:
        return tuple(self.kept.values())

    def remember(self, refusal: Refusal) -> None:
        one = refusal.resource
        self.kept.pop((one.type, one.name, one.version), None)
        self.kept[one.type, one.name, one.version] = refusal
        while len(self.kept) > MOST:
            del self.kept[next(iter(self.kept))]
