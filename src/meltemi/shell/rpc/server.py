"""Listening sockets on which methods answer calls.

Place:  shell/rpc · servers/xds, servers/ca → [server] → http2/protocol for each connection
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from meltemi.core.model.value import Value
from meltemi.shell.http2.exchange import Exchange, Peer, Receiver
from meltemi.shell.http2.framed import Shared
from meltemi.shell.http2.headers import Request
from meltemi.shell.http2.limits import Limits
from meltemi.shell.http2.protocol import Http2Protocol, Times
from meltemi.shell.rpc.call import Answered, Call, Method, refusal
from meltemi.shell.rpc.kept import Kept
from meltemi.shell.sockets import short

log: Any = structlog.get_logger(__name__)

Methods = Mapping[str, Method]
"""By path: `/package.Service/Method`."""
Secure = Callable[[], ssl.SSLContext]
"""What TLS of the next connection is held to: asked for each, so that a rotation needs no restart."""

_BACKLOG = 1024
"""A crowd comes at once when the control plane starts again."""
_HANDSHAKE = 10.0
"""Seconds of a TLS handshake."""
_AGAIN = 0.5
"""Seconds until the next try where no connection can be taken, for want of descriptors."""


class Sizes(Value, frozen=True, kw_only=True):
    """Of what callers may send."""

    message: int = 4 << 20
    """Bytes of a message."""
    beside: int = 1 << 20
    """Bytes of others, unfinished or unread, that are kept of a connection beside the largest message."""
    connections: int = 4096
    """At a time; who comes then is sent away at once, so that descriptors are left for others."""
    http2: Limits = Limits()


MOST_KEPT = 128 << 20
"""Bytes that are kept of all callers together, unfinished or unread: those of whom some are read at a time."""


def all_kept() -> Kept:
    """Of all the servers that share it."""
    return Kept(MOST_KEPT, "all callers")


class RpcServer:
    """One listening socket and its connections."""

    def __init__(
        self, methods: Methods, *, shared: Shared | None = None, sizes: Sizes | None = None,
        times: Times | None = None, kept: Kept | None = None,
    ) -> None:  # fmt: skip
        """Where several servers send the same, and keep of callers together: `shared`, framed messages; `kept`."""
        self._methods = methods
        self._shared = shared or Shared()
        self._sizes = sizes or Sizes()
        self._times = times or Times()
        self._kept = kept or all_kept()
        self._listening: socket.socket | None = None
        self._accepting: list[asyncio.Task[None]] = []
        self._greeting: set[asyncio.Task[None]] = set()
        self._connections: set[Http2Protocol] = set()
        self._calls: set[asyncio.Task[None]] = set()

    def listen_unix(self, path: Path, protect: Callable[[], None]) -> None:
        """On a path at which nothing is; `protect` is called before anybody can connect."""
        one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with short(path) as name:
            one.bind(name)
        protect()
        self._listen(one, None)

    def listen(self, host: str, port: int, secure: Secure | None = None) -> int:
        """On TCP, over TLS where `secure` is given; the port. 0 picks one."""
        one = socket.create_server((host, port), backlog=_BACKLOG)
        # Connections inherit it. asyncio sets it only where the socket names its protocol, which these do not; without
        # it headers and data that are written one after the other wait for each other for 40 ms.
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._listen(one, secure)
        return one.getsockname()[1]

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._connections)

    @property
    def calls(self) -> int:
        """How many are under way."""
        return len(self._calls)

    async def stop(self) -> None:
        """Listen no more, and end all calls; returns when all have ended."""
        tasks = [*self._accepting, *self._greeting]
        for task in tasks:
            task.cancel()
        for connection in list(self._connections):
            connection.stop()  # which ends its calls
        if tasks := [*tasks, *self._calls]:
            await asyncio.wait(tasks)
        if self._listening is not None:
            self._listening.close()

    def _listen(self, one: socket.socket, secure: Secure | None) -> None:
        one.listen(_BACKLOG)
        one.setblocking(False)
        self._listening = one
        self._accepting.append(asyncio.get_running_loop().create_task(self._accept_all(one, secure)))

    async def _accept_all(self, listening: socket.socket, secure: Secure | None) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                one, _ = await loop.sock_accept(listening)
            except OSError as problem:
                log.warning("no connection can be taken now", reason=str(problem))
                await asyncio.sleep(_AGAIN)
                continue
            if len(self._connections) + len(self._greeting) >= self._sizes.connections:
                one.close()
                continue
            one.setblocking(False)
            task = loop.create_task(self._greet(one, secure))
            self._greeting.add(task)
            task.add_done_callback(self._greeting.discard)

    async def _greet(self, one: socket.socket, secure: Secure | None) -> None:
        """A connection; over TLS, when its peer was let in. It then lives in callbacks."""
        try:
            context = secure() if secure else None
        except Exception as problem:  # a fault of ours, and no reason to take no further connections
            log.exception("a connection cannot be secured", exc_info=problem)
            one.close()
            return
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._protocol, one, ssl=context, ssl_handshake_timeout=_HANDSHAKE if context else None
            )
        except OSError as problem:  # ssl.SSLError among them
            log.info("a connection was not let in", reason=str(problem))

    def _protocol(self) -> Http2Protocol:
        kept = Kept(self._sizes.message + self._sizes.beside, "the calls of this connection", self._kept)
        accept = partial(self._accept, kept)
        return Http2Protocol(accept, self._sizes.http2, self._times, self._shared, self._connections)

    def _accept(self, kept: Kept, exchange: Exchange, request: Request, peer: Peer) -> Receiver:
        if (answer := refusal(request, self._methods)) is not None:
            return Answered(exchange, answer)
        method, largest = self._methods[request.path], self._sizes.message
        call = Call(exchange, request, peer, method, largest=largest, kept=kept)
        self._calls.add(call.task)
        call.task.add_done_callback(self._calls.discard)
        return call
