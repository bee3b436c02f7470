"""A FetchedMemory in memory.

Place:  tests/fakes · keeps the promises of ports.FetchedMemory (tests/contract/test_fetched.py)
"""

from collections.abc import Collection, Mapping
from typing import Generic, TypeVar

Source = TypeVar("Source")
Found = TypeVar("Found")


class FakeFetched(Generic[Source, Found]):
    """A dictionary."""

    def __init__(self) -> None:
        self._kept: dict[Source, Found] = {}

    def known(self) -> Mapping[Source, Found]:
        return dict(self._kept)

    def remember(self, source: Source, found: Found) -> None:
        self._kept[source] = found

    def keep_only(self, sources: Collection[Source]) -> None:
        self._kept = {source: found for source, found in self._kept.items() if source in sources}
