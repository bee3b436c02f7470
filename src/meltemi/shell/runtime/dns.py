"""Answer names inside a pod: cluster names from the node's table, all others by asking the host's nameservers.

Place:  shell/runtime · STATE/node/dns.json → [dns], run by each pod's sandbox, so names outlive node and control plane
"""

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

import msgspec

from meltemi.core.node import dns_wire as wire
from meltemi.core.node.dns_answer import Answer, answer, captured
from meltemi.core.node.dns_table import DnsTable, decode
from meltemi.core.node.dns_wire import Code, MalformedError, Query
from meltemi.core.node.resolv import DNS_PORT, NAMESERVER, nameservers

LIMIT = 2.0
"""Seconds after which an unanswered question has failed."""
NEXT = 0.7
"""Seconds after which the next nameserver is asked too."""
IDLE = 10.0
"""Seconds that a TCP connection may stay without a question."""

Address = tuple[str, int]
Upstream = tuple[socket.socket, Address]
"""A UDP socket, opened where the nameserver can be reached, and the nameserver's address."""


def open_upstreams(resolv_conf: Path = Path("/etc/resolv.conf")) -> tuple[Upstream, ...]:
    """A socket for each nameserver of the host. To be called before the pod's network namespace is entered."""
    try:
        text = resolv_conf.read_text()
    except OSError:
        return ()
    return tuple(_upstream(server) for server in nameservers(text))


def _upstream(server: str) -> Upstream:
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    if server.startswith("127."):
        # A connected socket hears at once that nobody is there. Others stay free, for the host may change its address.
        opened.connect((server, DNS_PORT))
    return opened, (server, DNS_PORT)


class Captured(NamedTuple):
    """Where questions come in that interception leads away from the application's nameserver."""

    socket: socket.socket
    """Of UDP, bound; connections are taken at the same address."""
    namespace: str


def capture(namespace: str, port: int, *, user: int | None) -> Captured:
    """The socket for a pod of `namespace`. Its answers are known by the user that made it: interception keeps the two
    ends of a question apart by that. `user`: None where there is one user only."""
    me = os.geteuid()
    if user is not None:
        os.seteuid(user)
    try:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        made.bind((NAMESERVER, port))
    finally:
        os.seteuid(me)
    return Captured(made, namespace)


async def serve_dns(
    table: Path,
    listen: Address = (NAMESERVER, DNS_PORT),
    upstreams: Sequence[Upstream] = (),
    captured: Captured | None = None,
) -> None:
    """Answer over UDP and TCP until cancelled. `table` may change, and may be missing (then no cluster name exists)."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as tasks, contextlib.AsyncExitStack() as stack:
        servers: list[_Server] = []
        for opened, where in upstreams:
            transport, server = await loop.create_datagram_endpoint(lambda w=where: _Server(w), sock=opened)
            stack.callback(transport.close)
            servers.append(server)
        resolver = _Resolver(table, servers)
        transport, _ = await loop.create_datagram_endpoint(lambda: _Listener(resolver, tasks), local_addr=listen)
        stack.callback(transport.close)
        if captured is not None:
            more = _Resolver(table, servers, captured.namespace)
            at: Address = captured.socket.getsockname()
            transport, _ = await loop.create_datagram_endpoint(lambda: _Listener(more, tasks), sock=captured.socket)
            stack.callback(transport.close)
            await stack.enter_async_context(await asyncio.start_server(more.converse, *at))
        async with await asyncio.start_server(resolver.converse, *listen) as tcp:
            await tcp.serve_forever()


class _Table:
    """The table in force; read again when the file has been replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._table = DnsTable(zones=(), names={}, pointers={})

    def now(self) -> DnsTable:
        try:
            stat = self._path.stat()
            if self._seen != (stat.st_ino, stat.st_mtime_ns):
                self._table = decode(self._path.read_bytes())
                self._seen = (stat.st_ino, stat.st_mtime_ns)
        except (OSError, msgspec.DecodeError):
            pass  # the last table that could be read stays in force
        return self._table


class _Resolver:
    def __init__(self, table: Path, servers: "Sequence[_Server]", namespace: str = "") -> None:
        """`namespace`: of the workload, where its questions are captured."""
        self._table = _Table(table)
        self._servers = servers
        self._namespace = namespace

    def _known(self, query: Query) -> Answer | None:
        table = self._table.now()
        found = captured(table, query.name, query.type, self._namespace) if self._namespace else None
        return found or answer(table, query.name, query.type)

    async def resolve(self, message: bytes, *, stream: bool = False) -> bytes:
        """The response to a message. Raises MalformedError."""
        query = wire.parse_query(message)
        size = 0xFFFF if stream else query.size
        found = self._known(query)
        if found is None:
            said = await self._ask(message)
            return said or wire.response(query, Code.FAILED, size=size, own=False)
        if found.ask:
            found = await self._beyond(found, query)
        return wire.response(query, found.code, found.records, size=size)

    async def _beyond(self, found: Answer, query: Query) -> Answer:
        """What others say about the name that a chain of aliases leads to."""
        said = await self._ask(wire.ask(0, found.ask, query.type))
        if said is None:
            return Answer(code=Code.FAILED)
        with contextlib.suppress(MalformedError):
            return Answer(code=found.code, records=(*found.records, *wire.answers(said)))
        return Answer(code=Code.FAILED)

    async def _ask(self, message: bytes) -> bytes | None:
        """The first answer of any nameserver; None if there is none in time."""
        waiting: set[asyncio.Future[bytes]] = set()
        try:
            async with asyncio.timeout(LIMIT):
                for server in self._servers:
                    waiting.add(server.ask(message))
                    if said := await _first(waiting, NEXT):
                        return said
                while waiting:
                    if said := await _first(waiting, None):
                        return said
        except TimeoutError:
            pass
        finally:
            for future in waiting:
                future.cancel()
        return None

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One TCP connection."""
        with contextlib.suppress(OSError, EOFError, TimeoutError, ValueError):
            while True:
                async with asyncio.timeout(IDLE):
                    message = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
                said = await self.resolve(message, stream=True)
                writer.write(len(said).to_bytes(2, "big") + said)
                await writer.drain()
        writer.close()


async def _first(waiting: set[asyncio.Future[bytes]], limit: float | None) -> bytes | None:
    """The first answer within a limit; who has failed is no longer waited for."""
    done, _ = await asyncio.wait(waiting, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
    waiting -= done
    return next((future.result() for future in done if future.exception() is None), None)


class _Listener(asyncio.DatagramProtocol):
    """Where the pod asks."""

    def __init__(self, resolver: _Resolver, tasks: asyncio.TaskGroup) -> None:
        self._resolver = resolver
        self._tasks = tasks
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._tasks.create_task(self._answer(data, addr))

    async def _answer(self, data: bytes, addr: Address) -> None:
        with contextlib.suppress(ValueError):  # MalformedError, and what others put into the table
            said = await self._resolver.resolve(data)
            if self._transport:
                self._transport.sendto(said, addr)


class _Server(asyncio.DatagramProtocol):
    """One nameserver: questions wait under a number of their own."""

    def __init__(self, where: Address) -> None:
        self._where = where
        self._transport: asyncio.DatagramTransport | None = None
        self._waiting: dict[int, tuple[bytes, asyncio.Future[bytes]]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def ask(self, message: bytes) -> asyncio.Future[bytes]:
        """Send a question on; its answer, under the asker's number."""
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        number = self._free_number()
        self._waiting[number] = (message[:2], future)
        future.add_done_callback(lambda _: self._waiting.pop(number, None))
        if self._transport:
            connected = self._transport.get_extra_info("peername") is not None
            self._transport.sendto(number.to_bytes(2, "big") + message[2:], None if connected else self._where)
        return future

    def _free_number(self) -> int:
        """One that nobody can guess: an answer is believed by it."""
        while (number := secrets.randbits(16)) in self._waiting:
            pass
        return number

    def datagram_received(self, data: bytes, addr: Address) -> None:
        number = int.from_bytes(data[:2], "big")
        if number in self._waiting and addr[:2] == self._where:
            asked, future = self._waiting[number]
            if not future.done():
                future.set_result(asked + data[2:])

    def error_received(self, exc: Exception) -> None:
        for _, future in tuple(self._waiting.values()):
            if not future.done():
                future.set_exception(exc)
