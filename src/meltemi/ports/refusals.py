"""What Envoys refused, kept over a restart of the control plane.

Place:  ports · implemented by shell/stores/refusals, used by shell/publish
"""

from collections.abc import Sequence
from typing import Protocol

from meltemi.core.model.refusal import Refusal


class RefusalMemory(Protocol):
    """Refusals by type, name and version of the resource: one of each, the newest."""

    def refusals(self) -> Sequence[Refusal]:
        """All that are kept, oldest first. What this version of the program cannot read is left out."""
        ...

    def remember(self, refusal: Refusal) -> None:
        """Keep it when this returns, in the place of one of the same version; only the newest few hundred are kept."""
        ...
