"""The workload's identity, put together: keys, authority, and the socket on which Envoy gets its secrets.

Place:  shell/agent · run → [identity] → certificates, sds; asked by health and metrics
Imported late by `run`: gRPC takes 0.1 s.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from meltemi.shell.agent.authority import Authority
from meltemi.shell.agent.certificates import Certificates
from meltemi.shell.agent.sds import SdsServer
from meltemi.shell.agent.secrets import Secrets
from meltemi.shell.agent.settings import Settings

PATIENCE = 20.0
"""Seconds after which a proxy is ready without a certificate: what needs none is served."""


class Identity:
    """One workload's."""

    def __init__(self, settings: Settings) -> None:
        """Needs a running loop."""
        own = settings.identity
        self._socket = Path(settings.sds_socket)
        self.secrets = Secrets()
        self.server = SdsServer(self.secrets)
        self._authority = Authority(settings.xds_socket, Path(own.token), self.server.taken)
        self._certificates = Certificates(self._authority, self.secrets, own)
        self._loop = asyncio.get_running_loop()
        self._end_of_patience = self._loop.time() + PATIENCE

    @asynccontextmanager
    async def kept(self) -> AsyncGenerator[None]:
        """Serve secrets and keep them good while the block runs. Raises OSError without a place for the socket."""
        async with self.server.listening(self._socket), asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(self._certificates.run(), name="certificates")
            try:
                yield
            finally:
                keeping.cancel()
                await self._authority.close()

    def waits_for(self) -> str:
        """What the proxy should have before it is called ready; empty if nothing, or if it has been waited for long."""
        held = self._certificates.held
        if held.absent or self._loop.time() > self._end_of_patience:
            return ""
        if held.leaf is None:
            return "the authority has given no certificate yet"
        return "" if self.server.is_current else "envoy has not taken its certificate yet"

    @property
    def failures(self) -> int:
        """How often in a row a certificate was asked for in vain."""
        return self._certificates.failures

    def remaining(self) -> dict[str, float]:
        """Seconds that each secret is still good for; negative if it is not."""
        now = datetime.now(UTC)
        return {name: (end - now).total_seconds() for name, end in self._certificates.held.expiries.items()}
