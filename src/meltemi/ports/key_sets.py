"""The last sound keys of issuers, kept over a restart of the control plane.

Place:  ports · implemented by shell/stores/key_sets, used by shell/jwks/keeper
"""

from collections.abc import Collection, Mapping
from typing import Protocol

from meltemi.core.model.security.keys import KeySet, KeySource


class KeySetMemory(Protocol):
    """Of each source the last set."""

    def key_sets(self) -> Mapping[KeySource, KeySet]:
        """All that are kept. What this version of the program cannot read is left out."""
        ...

    def remember(self, source: KeySource, found: KeySet) -> None:
        """Keep it when this returns, in the place of the one before."""
        ...

    def keep_only(self, sources: Collection[KeySource]) -> None:
        """Forget all others."""
        ...
