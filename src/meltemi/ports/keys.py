"""What must stay secret and must never be lost: keys of authorities, and which of them is in force.

Place:  ports · implemented by shell/keys/files (later: a Kubernetes Secret), used by servers/ca and servers/api
"""

from typing import Protocol


class ExistsError(Exception):
    """Something of that name is kept already."""


class Keys(Protocol):
    """Small secret texts by name. Names are of letters, digits, `.` and `-`; none ends in `.new`."""

    async def names(self) -> frozenset[str]:
        """All that is kept. A write that was cut short has left no name."""
        ...

    async def read(self, name: str) -> bytes | None:
        """What was written last, whole; None where nothing was."""
        ...

    async def write(self, name: str, data: bytes, *, new: bool = False) -> None:
        """Keep `data`; on return it outlives a power cut. Readers see the old or the new, never a part.

        `new`: only where nothing of that name is kept; ExistsError otherwise. Raises ValueError for other names.
        """
        ...
