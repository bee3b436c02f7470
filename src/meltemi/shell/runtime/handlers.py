"""Do what a probe or a hook says: ask over HTTP, open a connection, run a program.

Place:  shell/runtime · container → [handlers]
Source: Kubernetes, "Configure Liveness, Readiness and Startup Probes": any status from 200 to 399 is success.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import cast

from meltemi.shell.runtime.pod_spec import Handler

Run = Callable[[tuple[str, ...]], Awaitable[int]]
"""Run a program in the container; gives its exit code."""


class HandlerError(Exception):
    """It did not succeed; the text says why."""


async def carry_out(handler: Handler, address: str, run: Run) -> None:
    """Return on success. `address` is the pod's own. Raises HandlerError; the caller bounds the time."""
    if handler.exec:
        code = await run(handler.exec)
        if code:
            raise HandlerError(f"{handler.exec[0]!r} ended with exit code {code}")
    elif handler.sleep is not None:
        await asyncio.sleep(handler.sleep)
    else:
        try:
            await _connect(handler, address)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as problem:
            raise HandlerError(f"port {handler.port}: {problem}") from None


async def _connect(handler: Handler, address: str) -> None:
    if handler.grpc_service is not None:
        await _ask_grpc(handler, address)
        return
    context = _careless() if handler.https else None
    reader, writer = await asyncio.open_connection(handler.http_host or address, handler.port, ssl=context)
    try:
        if handler.http_path:
            await _ask(handler, address, reader, writer)
    finally:
        writer.close()


async def _ask(handler: Handler, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    headers = {"Host": f"{address}:{handler.port}", "User-Agent": "kube-probe/1.30", "Accept": "*/*"}
    headers |= dict(handler.headers) | {"Connection": "close"}
    lines = [f"GET {handler.http_path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    answer = (await reader.readuntil(b"\n")).split()
    status = int(answer[1]) if len(answer) > 1 else 0
    if not 200 <= status < 400:
        raise HandlerError(f"HTTP probe failed with statuscode: {status}")


async def _ask_grpc(handler: Handler, address: str) -> None:
    import grpc.aio  # noqa: PLC0415  (takes 40 MB; only pods with gRPC probes and no sidecar pay)

    name = (handler.grpc_service or "").encode()
    request = b"\x0a" + bytes([len(name)]) + name if name else b""
    async with grpc.aio.insecure_channel(f"{address}:{handler.port}") as channel:
        try:
            check = cast("Callable[[bytes], Awaitable[bytes]]", channel.unary_unary("/grpc.health.v1.Health/Check"))
            answer = await check(request)
        except grpc.aio.AioRpcError as problem:
            raise HandlerError(f"gRPC health check: {problem.code().name}") from None
    if answer != b"\x08\x01":
        raise HandlerError("gRPC health check: not serving")


def _careless() -> ssl.SSLContext:
    """Kubelets do not verify certificates of probes."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
