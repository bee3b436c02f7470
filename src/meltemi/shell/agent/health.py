"""Whether the proxy can take traffic.

Place:  shell/agent · 15021 (Envoy) → 15020 `/healthz/ready` → [health] → admin
The way leads through Envoy on purpose: a proxy whose workers do not run cannot say that it is ready.
"""

from meltemi.shell.agent import admin
from meltemi.shell.agent.http import Response


class Health:
    """What is known of the present Envoy."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._configured = False
        self.draining = False

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
        return Response(200) if self._configured else _not("no configuration has come from the control plane yet")


def _not(reason: str) -> Response:
    return Response(503, f"{reason}\n".encode())
