"""Leave without losing a request.

Place:  shell/agent · SIGTERM, `/quitquitquit`, `/drain` → [drain] → admin

1. Envoy is told to drain what comes in: it goes on accepting and answering, but every answer asks its caller to come
   again on another connection (`Connection: close`, GOAWAY). `skip_exit` keeps the listeners open to the very end, for
   callers who have not heard yet. A sidecar's outbound side is left alone: its application still needs it.
2. A minimum passes (5 s), in which the control plane takes the pod out of every caller's endpoints.
3. As long as a request is under way, it waits. Only the pod's grace period, which the node enforces, ends it earlier.

With EXIT_ON_ZERO_ACTIVE_CONNECTIONS the minimum is MINIMUM_DRAIN_DURATION instead of terminationDrainDuration. Istio
differs without it: there the proxy ends after the minimum whatever is under way.
"""

import asyncio

from meltemi.shell.agent import admin
from meltemi.shell.agent.log import log

_LOOK_EVERY = 0.25


async def drain(role: str, minimum: float) -> None:
    """Return when the proxy may end. An Envoy that does not answer has nothing to lose."""
    try:
        await _begin(role)
        await asyncio.sleep(minimum)
        while (active := await admin.active_requests()) > 0:
            log("draining", active=active)
            await asyncio.sleep(_LOOK_EVERY)
    except admin.UNREACHABLE as e:
        log("envoy does not answer, nothing to drain", reason=e)


async def _begin(role: str) -> None:
    inbound = "&inboundonly" if role == "sidecar" else ""
    got = await admin.post(f"/drain_listeners?graceful&skip_exit{inbound}")
    log("draining begins", answer=got.status)
