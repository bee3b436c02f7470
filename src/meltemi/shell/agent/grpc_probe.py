"""Ask an application's gRPC health service.

Place:  shell/agent · probes → [grpc_probe] → the application
Source: grpc.health.v1.Health/Check
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import grpc
import grpc.aio

Check = Callable[[bytes], Awaitable[bytes]]
"""Without serializers, gRPC takes and gives bytes."""
SERVING = b"\x08\x01"
"""HealthCheckResponse with field 1 (status) = 1 (SERVING)."""


async def serving(host: str, port: int, service: str, limit: float) -> bool:
    """Whether `service` (empty: the server as a whole) says SERVING within `limit` seconds."""
    name = service.encode()
    request = b"\x0a" + bytes([len(name)]) + name if name else b""
    try:
        async with asyncio.timeout(limit), grpc.aio.insecure_channel(f"{host}:{port}") as channel:
            check = cast("Check", channel.unary_unary("/grpc.health.v1.Health/Check"))
            return await check(request) == SERVING
    except (grpc.aio.AioRpcError, TimeoutError):
        return False
