"""A Publisher of which a test says what the proxies have."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from meltemi.core.model.finding import Finding


@dataclass(slots=True)
class FakePublisher:
    """Acknowledges nothing until it is told to."""

    refusals: list[Finding] = field(default_factory=list[Finding])
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)

    def proxies(self) -> list[dict[str, Any]]:
        state = "SYNCED" if self.acknowledged.is_set() else "STALE"
        types = {"CDS": {"state": state, "resources": 3}}
        return [{"proxy": "web-1.default", "role": "sidecar", "current": True, "types": types, "refused": []}]

    def findings(self) -> list[Finding]:
        return self.refusals

    async def wait_for(self, revision: int) -> None:
        await self.acknowledged.wait()
