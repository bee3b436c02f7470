"""A gRPC probe against a real server."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import grpc
import grpc.aio
import pytest

from meltemi.shell.agent.grpc_probe import serving

STATES = {b"": b"\x08\x01", b"\x0a\x04cart": b"\x08\x02"}
"""Request → answer: the server as a whole serves (1), `cart` does not (2)."""


class HealthService(grpc.GenericRpcHandler):
    def service(self, handler_call_details: Any) -> Any:
        async def check(request: bytes, _context: object) -> bytes:
            return STATES[request]

        handler = cast("object", grpc.unary_unary_rpc_method_handler(check))
        return handler if handler_call_details.method == "/grpc.health.v1.Health/Check" else None


async def with_server(ask: Callable[[int], Awaitable[bool]]) -> bool:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((HealthService(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        return await ask(port)
    finally:
        await server.stop(None)


@pytest.mark.parametrize(("service", "healthy"), [("", True), ("cart", False), ("unheard of", False)])
def test_serving(service: str, healthy: bool):
    assert asyncio.run(with_server(lambda port: serving("127.0.0.1", port, service, 5))) is healthy


def test_nobody_there():
    assert asyncio.run(serving("127.0.0.1", 1, "", 5)) is False
