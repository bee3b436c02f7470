"""What the API asks of whoever talks to the proxies.

Place:  servers/api · implemented by shell/publish
"""

from collections.abc import Sequence
from typing import Any, Protocol

from meltemi.core.model.finding import Finding


class Publisher(Protocol):
    """Knows what every connected proxy has."""

    def proxies(self) -> Sequence[dict[str, Any]]:
        """Each connected proxy as plain data.

        `proxy` (pod.namespace), `role`, `current` (it has answered for all), `types`: CDS, EDS, LDS, RDS, VHDS, ECDS →
        `resources` (how many it holds) and `state` (SYNCED, STALE, REFUSED), and `refused`: what, and why.
        """
        ...

    def findings(self) -> Sequence[Finding]:
        """Of documents together, and what proxies refused."""
        ...

    async def wait_for(self, revision: int) -> object:
        """Return when every connected proxy has acknowledged or refused all that follows from a store revision."""
        ...
