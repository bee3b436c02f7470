"""Issuers' keys in memory, keeping every promise of the port (held by tests/contract)."""

from collections.abc import Collection, Mapping

from meltemi.core.model.security.keys import KeySet, KeySource


class FakeKeySets:
    """A dict."""

    def __init__(self) -> None:
        self.kept: dict[KeySource, KeySet] = {}

    def key_sets(self) -> Mapping[KeySource, KeySet]:
        return dict(self.kept)

    def remember(self, source: KeySource, found: KeySet) -> None:
        self.kept[source] = found

    def keep_only(self, sources: Collection[KeySource]) -> None:
        self.kept = {source: found for source, found in self.kept.items() if source in sources}
