"""Envoy's admin interface, as far as the agent asks it.

Place:  shell/agent · health, drain → [admin] → Envoy on 127.0.0.1:15000
"""

import re
from urllib.parse import quote

import h11

from meltemi.shell.agent.http import Response, fetch
from meltemi.shell.agent.settings import ADMIN_PORT

UNREACHABLE = (OSError, TimeoutError, h11.ProtocolError)
"""What an Envoy that is not there, or does not answer, looks like."""

_CONFIGURED = (
    r"^(cluster_manager\.cds|listener_manager\.lds)\.update_(success|rejected)$|^listener_manager\.workers_started$"
)
_ACTIVE = (
    r"^http\.(?!(?:admin|stats|ready|plain-health)\.).*\.downstream_rq_active$"
    r"|^cluster\.[iI]nbound.*\.upstream_rq_active$"
)


async def get(path: str) -> Response:
    """Raises `UNREACHABLE`."""
    return await fetch("GET", path, port=ADMIN_PORT)


async def post(path: str) -> Response:
    """Raises `UNREACHABLE`."""
    return await fetch("POST", path, port=ADMIN_PORT)


async def is_live() -> bool:
    """Whether Envoy calls itself live."""
    return (await get("/ready")).status == 200


async def is_configured() -> bool:
    """Whether it has heard of clusters and of listeners (even of some it refused), and serves."""
    found = await _stats(_CONFIGURED)
    heard = {kind: sum(v for k, v in found.items() if kind in k) for kind in (".cds.", ".lds.")}
    return all(heard.values()) and found.get("listener_manager.workers_started", 0) > 0


async def active_requests() -> int:
    """Requests, and TCP connections to the application, that are under way."""
    return sum((await _stats(_ACTIVE)).values())


async def _stats(pattern: str) -> dict[str, int]:
    # Envoy's own filter knows no look-ahead, so it gets the plain words and the pattern is applied here.
    words = "|".join(
        sorted(set(re.findall(r"update_|workers_started|downstream_rq_active|upstream_rq_active", pattern)))
    )
    page = await get(f"/stats?filter={quote(words)}")
    lines = (line.partition(": ") for line in page.body.decode().splitlines())
    return {name: int(value) for name, _, value in lines if re.search(pattern, name) and value.isdigit()}
