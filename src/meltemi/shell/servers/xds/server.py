"""Delta ADS over gRPC: one Unix socket a pod, and plain TCP on loopback for tools where it is switched on.

Place:  shell/servers/xds · Envoy ⇄ [server] ⇄ a Session (shell/publish gives it) around core/xds/stream

Whoever connects to a pod's socket *is* that pod: the node id that it claims is not believed. Only over the loopback
port, which is off by default, the node message says who the proxy is.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import grpc
import grpc.aio
import structlog
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf import json_format

from meltemi.core.model.proxy import Proxy
from meltemi.core.model.resource import ResourceType
from meltemi.core.xds.events import Request
from meltemi.shell.sockets import short

log: Any = structlog.get_logger(__name__)

SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
PROXY_UID = 1337
"""The user that Envoy runs as in a pod (Istio's): the only one, beside root, who may connect."""
_TYPES = {str(kind): kind for kind in ResourceType}
_OPTIONS = (
    ("grpc.max_receive_message_length", 16 << 20),
    ("grpc.max_send_message_length", -1),
    # A proxy that died without a word is noticed.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)


class Session(Protocol):
    """One connected proxy, as the publisher keeps it."""

    def on_request(self, request: Request) -> None:
        """The proxy asks or answers."""
        ...

    async def responses(self) -> list[bytes]:
        """Wait until there is something to send, and take it: what is not taken does not pile up."""
        ...


class SessionHandle(Protocol):
    """A session, and how it is closed."""

    @property
    def session(self) -> Session:
        """Whom the stream talks to."""
        ...

    def close(self) -> None:
        """The stream has ended."""
        ...


Identity = Callable[[], Proxy | None]
"""Who the transport says it is, now; None where it does not say."""
Connect = Callable[[Identity, Mapping[str, Any]], Awaitable[SessionHandle]]
"""(identity, node message) → a session; waits until the mesh is known completely."""


class XdsServer:
    """All listening sockets of the control plane."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._servers: dict[Path, grpc.aio.Server] = {}
        self._addresses: dict[Path, ExitStack] = {}
        """Holds the short name of a socket, which gRPC uses once more when it stops."""

    async def open(self, path: Path, identity: Identity) -> None:
        """Listen for one pod, whose proxy `identity` tells. A stale socket is replaced."""
        if path in self._servers:
            return
        self._servers[path] = server = self._server(identity)
        _clear(path)
        stack = self._addresses[path] = ExitStack()
        server.add_insecure_port(f"unix:{stack.enter_context(short(path))}")
        await server.start()
        _protect(path)

    async def open_tcp(self, port: int) -> None:
        """Listen on 127.0.0.1 for tools; who connects is who he says."""
        server = self._server(lambda: None)
        server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        self._servers[Path(f"/tcp/{port}")] = server

    async def close(self, path: Path) -> None:
        """The pod is gone."""
        if server := self._servers.pop(path, None):
            await server.stop(None)
            _remove(path)
            self._addresses.pop(path, ExitStack()).close()

    async def close_all(self) -> None:
        """Stop listening and end all streams."""
        async with asyncio.TaskGroup() as tasks:
            for server in self._servers.values():
                tasks.create_task(server.stop(None))
        self._servers.clear()

    @property
    def paths(self) -> frozenset[Path]:
        """Sockets that are open."""
        return frozenset(self._servers)

    def _server(self, identity: Identity) -> grpc.aio.Server:
        async def delta(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
            await self._serve(identity, requests, context)

        async def full_state(_: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
            await context.abort(
                grpc.StatusCode.UNIMPLEMENTED, "only delta xDS is served: set api_type to DELTA_GRPC in ads_config"
            )

        server = grpc.aio.server(options=_OPTIONS)
        handlers: dict[str, Any] = {
            "DeltaAggregatedResources": grpc.stream_stream_rpc_method_handler(delta),
            "StreamAggregatedResources": grpc.stream_stream_rpc_method_handler(full_state),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        return server

    async def _serve(
        self, identity: Identity, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> None:
        """Read and write until one side ends."""
        first = await anext(requests, None)
        if first is None:
            return
        message = discovery_pb2.DeltaDiscoveryRequest.FromString(first)
        handle = await self._connect(identity, json_format.MessageToDict(message.node))
        try:
            async with asyncio.TaskGroup() as tasks:
                writing = tasks.create_task(_write(handle.session, context))
                _hear(handle.session, message)
                async for raw in requests:
                    _hear(handle.session, discovery_pb2.DeltaDiscoveryRequest.FromString(raw))
                writing.cancel()
        finally:
            handle.close()


def _clear(path: Path) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)


def _protect(path: Path) -> None:
    """Only the proxy's user may connect (and root, which may do anything)."""
    if os.geteuid() == 0:
        os.chown(path, PROXY_UID, PROXY_UID)
    path.chmod(0o600)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _hear(session: Session, message: discovery_pb2.DeltaDiscoveryRequest) -> None:
    kind = _TYPES.get(message.type_url)
    if kind is None:
        log.info("unknown resource type asked for", type=message.type_url)
        return
    session.on_request(
        Request(
            type=kind,
            subscribe=tuple(message.resource_names_subscribe),
            unsubscribe=tuple(message.resource_names_unsubscribe),
            initial=dict(message.initial_resource_versions),
            nonce=message.response_nonce,
            error=message.error_detail.message if message.HasField("error_detail") else "",
        )
    )


async def _write(session: Session, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
    while True:
        for response in await session.responses():
            await context.write(response)
