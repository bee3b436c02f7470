"""Whether the proxy can take traffic.

Place:  shell/agent · 15021 (Envoy) → 15020 `/healthz/ready` → [health] → admin
The way leads through Envoy on purpose: a proxy whose workers do not run cannot say that it is ready.
"""

from collections.abc import Callable

from meltemi.shell.agent import admin
from meltemi.shell.agent.http import Response


class Health:
    """What is known of the present Envoy."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._configured = False
        self._has_identity = False
        self.draining = False
        self.waits_for: Callable[[], str] = str
        """What of its identity the proxy lacks, in words; empty: nothing."""

    def forget(self) -> None:
        """A new Envoy begins."""
        self._configured = False

    async def ready(self) -> Response:
        """200, or 503 with the reason. Once an Envoy was configured, only its own word is asked, which is cheap."""
        if self.draining:
            return _not("the proxy is draining")
        try:
            if not await admin.is_live():
                return _not("envoy is not live")
            self._configured = self._configured or await admin.is_configured()
        except admin.UNREACHABLE as e:
            return _not(f"envoy does not answer: {e}")
        if not self._configured:
            return _not("no configuration has come from the control plane yet")
        return self._identified()

    def _identified(self) -> Response:
        """Once it had its certificate, it is not asked again: an authority that is away must not take pods down."""
        if not self._has_identity and (lack := self.waits_for()):
            return _not(lack)
        self._has_identity = True
        return Response(200)


def _not(reason: str) -> Response:
    return Response(503, f"{reason}\n".encode())
