"""What the API asks of whoever talks to the proxies.

Place:  servers/api · implemented by shell/publish
"""

from collections.abc import Sequence
from typing import Any, Protocol

from meltemi.core.model.finding import Finding


class Publisher(Protocol):
    """Knows what every connected proxy has."""

    def proxies(self) -> Sequence[dict[str, Any]]:
        """Each connected proxy and what it has acknowledged, as plain data."""
        ...

    def findings(self) -> Sequence[Finding]:
        """Of documents together, and what proxies refused."""
        ...

    async def wait_for(self, revision: int) -> None:
        """Return when every connected proxy has acknowledged or refused all that follows from a store revision."""
        ...
