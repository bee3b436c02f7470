"""Delta ADS over gRPC: one Unix socket a pod; where switched on, mutual TLS, and plain TCP on loopback for tools.

Place:  shell/servers/xds · Envoy ⇄ [server] ⇄ a Session (shell/publish gives it) around core/xds/stream

Whoever connects to a pod's socket *is* that pod: the node id that it claims is not believed. Over TLS the certificate
decides which node ids are believed. Only over the loopback port, which is off by default, the node message alone says
who the proxy is.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Hashable, Mapping
from functools import partial
from pathlib import Path
from sys import intern
from typing import Any, Protocol

import structlog
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf import json_format
from msgspec import structs

from meltemi.core.model.proxy import Proxy
from meltemi.core.model.resource import ResourceType
from meltemi.core.xds.events import Request
from meltemi.core.xds.recent import Recent
from meltemi.shell.http2.framed import Shared
from meltemi.shell.http2.limits import Limits
from meltemi.shell.http2.protocol import Times
from meltemi.shell.measures import Measures
from meltemi.shell.rpc.call import Call
from meltemi.shell.rpc.server import Methods, RpcServer, Secure, Sizes, all_kept
from meltemi.shell.rpc.status import Refused, Status
from meltemi.shell.servers.xds.writer import Speaker, Writer
from meltemi.shell.users import held

log: Any = structlog.get_logger(__name__)

SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
PROXY_UID = 1337
"""The user that Envoy runs as in a pod (Istio's): the only one, beside root, who may connect."""
_MOST_REQUESTS = 16 << 20
"""Bytes of requests that are kept with what they say: a crowd says the same, and a step is known by it."""
_AS_A_VALUE = 3
"""What a request weighs with what it says, in its bytes."""
_SMALL = 1 << 10
"""Bytes of requests that are known as they are. In larger ones each proxy has an order of its own."""
_TYPES = {str(kind): kind for kind in ResourceType}
_SIZES = Sizes(message=16 << 20, http2=Limits(streams=16))
"""A proxy that comes back names all that it holds; it and its agent have a handful of streams …"""
_POD_SIZES = structs.replace(_SIZES, connections=32)
"""… on a handful of connections."""
_TIMES = Times()
_TLS_TIMES = Times(age=30 * 60)
"""A certificate is looked at when a connection begins: none lasts long beyond its certificate (Istio's figure)."""


class Session(Speaker, Protocol):
    """One connected proxy, as the publisher keeps it."""

    def on_request(self, request: Request) -> None:
        """The proxy asks or answers."""
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
Leave = Callable[[], None]
Connect = Callable[[Identity, Mapping[str, Any], Leave], Awaitable[SessionHandle]]
"""(identity, node message, to call when all is answered) → a session."""
Arrive = Callable[[Hashable], Awaitable[Leave]]
"""(whose stream) → when it is to be heard, what says that others may be: a crowd is heard some at a time."""
Admit = Callable[[Call, Mapping[str, Any]], Awaitable[Identity | str]]
"""(call, node message) → whose configuration it gets, or why it gets none."""
Beside = Callable[[Identity], Methods]
"""Further services on the socket of a pod."""


class XdsServer:
    """All listening sockets of the control plane."""

    def __init__(
        self, arrive: Arrive, connect: Connect, beside: Beside = lambda _: {}, measures: Measures | None = None
    ) -> None:
        self._arrive = arrive
        self._connect = connect
        self._measures = measures or Measures()
        self._beside = beside
        self._servers: dict[Path, RpcServer] = {}
        self._shared = Shared()
        self._kept = all_kept()
        self._requests: Recent[bytes, _Said] = Recent(_MOST_REQUESTS, lambda said: said.size)

    async def open(self, path: Path, identity: Identity) -> None:
        """Listen for one pod, whose proxy `identity` tells. A stale socket is replaced."""
        if path in self._servers:
            return
        server = self._server(lambda _: path, _known(identity), self._beside(identity), _TIMES, _POD_SIZES)
        _clear(path)
        server.listen_unix(path, partial(_protect, path))
        self._servers[path] = server

    async def open_tcp(self, port: int) -> None:
        """Listen on 127.0.0.1 for tools; who connects is who he says."""
        server = self._server(lambda call: call, _known(lambda: None), {}, _TIMES, _SIZES)
        server.listen("127.0.0.1", port)
        self._servers[Path(f"/tcp/{port}")] = server

    async def open_tls(self, host: str, port: int, secure: Secure, admit: Admit, beside: Methods) -> int:
        """Listen for whom TLS lets in and `admit` knows; the port. 0 picks one."""
        server = self._server(lambda call: call.certificate, admit, beside, _TLS_TIMES, _SIZES)
        port = server.listen(host, port, secure)
        self._servers[Path(f"/tls/{port}")] = server
        return port

    async def close(self, path: Path) -> None:
        """The pod is gone."""
        if server := self._servers.pop(path, None):
            await server.stop()
            _remove(path)

    async def close_all(self) -> None:
        """Stop listening and end all streams."""
        async with asyncio.TaskGroup() as tasks:
            for server in self._servers.values():
                tasks.create_task(server.stop())
        self._servers.clear()

    @property
    def paths(self) -> frozenset[Path]:
        """Sockets that are open."""
        return frozenset(self._servers)

    def _server(
        self, of: Callable[[Call], Hashable], admit: Admit, beside: Methods, times: Times, sizes: Sizes
    ) -> RpcServer:
        """`of`: whose call it is, as far as the transport says."""

        async def delta(call: Call) -> None:
            leave = await self._arrive(of(call))
            try:
                await self._serve(admit, call, leave)
            finally:
                leave()

        methods = {
            f"/{SERVICE}/DeltaAggregatedResources": delta,
            f"/{SERVICE}/StreamAggregatedResources": _full_state,
            **beside,
        }
        return RpcServer(methods, shared=self._shared, sizes=sizes, times=times, kept=self._kept)

    async def _serve(self, admit: Admit, call: Call, leave: Leave) -> None:
        """Read and write until one side ends."""
        first = await call.read()
        if first is None:
            return
        message = discovery_pb2.DeltaDiscoveryRequest.FromString(first)
        node = json_format.MessageToDict(message.node)
        message.ClearField("node")  # the rest is what others say too
        first = _in_order(message)
        del message
        identity = await admit(call, node)
        if isinstance(identity, str):
            log.warning("refused", node=str(node.get("id", "")), reason=identity)
            raise Refused(Status.PERMISSION_DENIED, identity)
        handle = await self._connect(identity, node, leave)
        writer = Writer(handle.session, call, self._measures)
        try:
            self._take(handle.session, first)
            del first  # of one that comes back it is large, and a stream lives long
            await call.each(partial(self._hear, handle.session))
        finally:
            writer.close()
            handle.close()

    def _hear(self, session: Session, raw: bytes) -> None:
        if len(raw) > _SMALL:
            raw = _in_order(discovery_pb2.DeltaDiscoveryRequest.FromString(raw))
        self._take(session, raw)

    def _take(self, session: Session, raw: bytes) -> None:
        said = self._requests.get(raw, lambda: _Said(raw))
        if said.request:
            session.on_request(said.request)


class _Said:
    """A request as a value; None for a type that is not served."""

    def __init__(self, raw: bytes) -> None:
        self.size = _AS_A_VALUE * len(raw)
        self.request = _asked(discovery_pb2.DeltaDiscoveryRequest.FromString(raw))


def _known(identity: Identity) -> Admit:
    """Where the transport has said it already."""

    async def admit(_call: Call, _node: Mapping[str, Any]) -> Identity:
        return identity

    return admit


async def _full_state(_call: Call) -> None:
    raise Refused(Status.UNIMPLEMENTED, "only delta xDS is served: set api_type to DELTA_GRPC in ads_config")


def _clear(path: Path) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)


def _protect(path: Path) -> None:
    """Only the proxy's user may connect (and root, which may do anything)."""
    if os.geteuid() == 0:
        os.chown(path, held(PROXY_UID), held(PROXY_UID))
    path.chmod(0o600)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _in_order(message: discovery_pb2.DeltaDiscoveryRequest) -> bytes:
    """What equal proxies say as equal bytes: a fifth of what it costs to look at each name."""
    message.resource_names_subscribe.sort()
    message.resource_names_unsubscribe.sort()
    return message.SerializeToString(deterministic=True)


def _asked(message: discovery_pb2.DeltaDiscoveryRequest) -> Request | None:
    """None for a type that is not served."""
    kind = _TYPES.get(message.type_url)
    if kind is None:
        log.info("unknown resource type asked for", type=message.type_url)
        return None
    return Request(
        type=kind,
        # A crowd names the same thousands of times.
        subscribe=tuple(map(intern, message.resource_names_subscribe)),
        unsubscribe=tuple(map(intern, message.resource_names_unsubscribe)),
        initial={intern(name): intern(version) for name, version in message.initial_resource_versions.items()},
        nonce=message.response_nonce,
        error=message.error_detail.message if message.HasField("error_detail") else "",
    )
