"""The last sound things that were fetched, kept over a restart of the control plane.

Place:  ports · implemented by shell/stores/fetched and shell/modules/files, used by shell/fetching/keeper
"""

from collections.abc import Collection, Mapping
from typing import Protocol, TypeVar

Source = TypeVar("Source")
Found = TypeVar("Found")


class FetchedMemory(Protocol[Source, Found]):
    """Of each source the last that came."""

    def known(self) -> Mapping[Source, Found]:
        """All that are kept. What this version of the program cannot read is left out."""
        ...

    def remember(self, source: Source, found: Found) -> None:
        """Keep it when this returns, in the place of the one before."""
        ...

    def keep_only(self, sources: Collection[Source]) -> None:
        """Forget all others."""
        ...
