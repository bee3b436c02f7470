"""Ask a container how it is.

Place:  shell/runtime · container → [probing] → handlers
Source: Kubernetes, "Configure Liveness, Readiness and Startup Probes"
"""

import asyncio
import contextlib

from meltemi.shell.runtime.handlers import HandlerError, Run, carry_out
from meltemi.shell.runtime.pod_spec import Handler, Probe

OPENING = 10.0
"""Seconds that a container without a readiness probe may take to open its declared ports."""


class Prober:
    """Asks one container."""

    def __init__(self, address: str, run: Run) -> None:
        """`address`: of the pod; `run`: a program in the container."""
        self._address = address
        self._run = run

    async def succeeds(self, probe: Probe) -> bool:
        """Ask once."""
        try:
            async with asyncio.timeout(probe.timeout):
                await carry_out(probe.handler, self._address, self._run)
        except (HandlerError, TimeoutError):
            return False
        return True

    async def starts_up(self, probe: Probe) -> bool:
        """Ask until it has succeeded or failed for good."""
        await asyncio.sleep(probe.initial_delay)
        for _ in range(probe.failure):
            if await self.succeeds(probe):
                return True
            await asyncio.sleep(probe.period)
        return False

    async def opens_ports(self, ports: tuple[int, ...]) -> None:
        """A container without a readiness probe is ready when its declared ports accept connections.

        Kubernetes counts it as ready when its process has begun, so that the first requests of every rolling update
        fail. A port that is declared and never opened is waited for `OPENING` seconds.
        """
        waiting = [Handler(port=port) for port in ports]
        try:
            async with asyncio.timeout(OPENING):
                while waiting:
                    with contextlib.suppress(HandlerError):
                        await carry_out(waiting[-1], self._address, self._run)
                        waiting.pop()
                        continue
                    await asyncio.sleep(0.05)
        except TimeoutError:
            return
