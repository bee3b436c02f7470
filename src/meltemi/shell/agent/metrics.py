"""One page of metrics for a scraper: the proxy's, the agent's and the application's.

Place:  shell/agent · 15020 `/stats/prometheus` → [metrics] → admin, application
Source: Istio, "Metrics merging": the pod's own `prometheus.io` annotations say where the application's are;
        the remaining life of certificates has Istio's name
"""

from collections.abc import Mapping

from meltemi.shell.agent import admin
from meltemi.shell.agent.http import Response, fetch
from meltemi.shell.agent.probes import source_for
from meltemi.shell.agent.settings import Settings

TEXT = {"content-type": "text/plain; version=0.0.4; charset=utf-8"}


EXPIRY = "istio_agent_cert_expiry_seconds"


async def page(settings: Settings, remaining: Mapping[str, float]) -> Response:
    """Any part may be missing; 503 only if the proxy's own is. `remaining`: secret → seconds that it is good for."""
    try:
        own = (await admin.get("/stats/prometheus")).body
    except admin.UNREACHABLE as e:
        return Response(503, f"envoy does not answer: {e}\n".encode())
    return Response(200, own + _agent(remaining) + await _application(settings), TEXT)


def _agent(remaining: Mapping[str, float]) -> bytes:
    if not remaining:
        return b""
    lines = [f"# TYPE {EXPIRY} gauge"]
    lines += [f'{EXPIRY}{{resource_name="{name}"}} {left:.0f}' for name, left in sorted(remaining.items())]
    return "\n".join(lines).encode() + b"\n"


async def _application(settings: Settings) -> bytes:
    if settings.scrape.get("scrape") != "true":
        return b""
    host = settings.address or "127.0.0.1"
    port, path = int(settings.scrape.get("port") or 80), settings.scrape.get("path") or "/metrics"
    try:
        got = await fetch("GET", path, host=host, port=port, source=source_for(host))
    except admin.UNREACHABLE:
        return b""
    if got.status != 200:
        return b""
    # OpenMetrics marks the end of a page, which this is not.
    lines = (line for line in got.body.splitlines() if line.strip() != b"# EOF")
    return b"\n".join(lines) + b"\n"
