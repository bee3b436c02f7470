"""What workloads have called, kept over a restart of the control plane.

Place:  ports · implemented by shell/stores/calls, used by shell/publish
"""

from collections.abc import Mapping
from typing import Protocol

from meltemi.core.model.proxy import Caller


class CallMemory(Protocol):
    """Names of hosts by workload: `TABLE/NAME`."""

    def calls(self) -> Mapping[Caller, frozenset[str]]:
        """All that are kept."""
        ...

    def remember(self, caller: Caller, names: frozenset[str]) -> None:
        """Keep them when this returns; of all workloads together only the newest are kept, a hundred thousand."""
        ...
