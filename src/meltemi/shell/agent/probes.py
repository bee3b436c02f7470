"""Answer the node's probes by asking the application from inside the pod.

Place:  shell/agent · 15020 `/app-health/…`, `/app-lifecycle/…` → [probes] → the application
The list is written by core/inject/probes. The agent speaks from 127.0.0.6, which the interception rules let pass to the
application: asked from elsewhere, the pod's own address would lead back into the proxy.
"""

from collections.abc import Mapping
from typing import Any

from meltemi.shell.agent.admin import UNREACHABLE
from meltemi.shell.agent.http import Request, Response, connect, fetch
from meltemi.shell.agent.settings import Settings

PROXY_ADDRESS = "127.0.0.6"
_HOP_BY_HOP = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive", "upgrade", "te", "trailer"})
DEFAULT_TIMEOUT = 1.0
"""Seconds; Kubernetes' default of `timeoutSeconds`."""


async def answer(request: Request, settings: Settings) -> Response:
    """What the application says, as a status: of httpGet its own, of tcpSocket and grpc 200 or 500."""
    probe = settings.probers.get(request.path)
    if probe is None:
        return Response(404, b"no probe stands for this path\n")
    limit = float(probe.get("timeoutSeconds") or DEFAULT_TIMEOUT)
    host = settings.address or "127.0.0.1"
    try:
        if "httpGet" in probe:
            return await _http(probe["httpGet"], request, host, limit)
        if "tcpSocket" in probe:
            return await _tcp(probe["tcpSocket"], host)
        return await _grpc(probe["grpc"], host, limit)
    except UNREACHABLE as e:
        return Response(500, f"the application does not answer: {e}\n".encode())


def source_for(host: str) -> str:
    """The address to speak from to reach the application past the rules."""
    return PROXY_ADDRESS if ":" not in host else ""


async def _http(action: Mapping[str, Any], request: Request, host: str, limit: float) -> Response:
    given = {h["name"].lower(): h["value"] for h in action.get("httpHeaders") or ()}
    headers = {k: v for k, v in request.headers.items() if k not in _HOP_BY_HOP and k != "host"} | given
    got = await fetch(
        "GET",
        "/" + str(action.get("path") or "").removeprefix("/"),
        host=host,
        port=int(action["port"]),
        headers=headers,
        timeout=limit,
        source=source_for(host),
        tls=str(action.get("scheme", "")).upper() == "HTTPS",
    )
    return Response(got.status, got.body)


async def _tcp(action: Mapping[str, Any], host: str) -> Response:
    _, writer = await connect(host, int(action["port"]), source=source_for(host))
    writer.close()
    return Response(200)


async def _grpc(action: Mapping[str, Any], host: str, limit: float) -> Response:
    from meltemi.shell.agent.grpc_probe import serving  # noqa: PLC0415 -- gRPC costs 20 MB, which few pods need

    return Response(200 if await serving(host, int(action["port"]), str(action.get("service") or ""), limit) else 500)
