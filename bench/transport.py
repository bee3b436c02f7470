"""A message to a proxy and its answer: what each costs our own HTTP/2 (shell/rpc), and grpc.aio, in one run.

Place:  bench · the same streams, sizes and answers against both, over a Unix socket; servers are processes of their own

Every stream is sent the same bytes object and answers each with a few bytes, as an Envoy acknowledges.
"""

import asyncio
import os
import selectors
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from meltemi.shell.http2 import frames as wire
from meltemi.shell.http2.frames import Kind, Setting
from meltemi.shell.http2.headers import block
from meltemi.shell.rpc.call import Call
from meltemi.shell.rpc.server import RpcServer

HEAD = ("message", "streams", "grpc.aio (µs)", "own (µs)", "ratio", "grpc.aio (KB)", "own (KB)")
ABOUT = """\
CPU of the server for a message that is the same for all streams, and the short answer to it, all streams one after the
other without a pause; KB are those of a connection and a stream that wait. The clients are the least that is HTTP/2,
with wide windows, in a process of their own."""
STREAMS = 500
SIZES = ((1_000, 20), (50_000, 10), (500_000, 4))
"""Bytes of a message, and how often each stream is sent one."""
_PATH = "/bench.Push/Push"
_ANSWER = b"\0\0\0\0\x14" + b"a" * 20
_WIDE = 1 << 30


def measure() -> list[tuple[object, ...]]:
    """One row for each size. KB are those of a stream that waits."""
    return [_row(size, rounds) for size, rounds in SIZES]


def _row(size: int, rounds: int) -> tuple[object, ...]:
    (old, old_kb), (new, new_kb) = (_one(kind, size, rounds) for kind in ("grpc", "own"))
    return (f"{size / 1000:g} KB", STREAMS, round(old), round(new), f"{old / new:.1f}", round(old_kb), round(new_kb))


def _one(kind: str, size: int, rounds: int) -> tuple[float, float]:
    """µs of CPU a message, with its answer; KB of an idle stream."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "socket"
        command = [sys.executable, "-m", "bench.transport", kind, str(path), str(size), str(rounds)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None  # noqa: S101  (a pipe was asked for)
            server.stdout.readline()
            clients = [_Client(path, size, rounds) for _ in range(STREAMS)]
            _crowd(clients)
            spent, kept = server.stdout.readline().split()
            for one in clients:
                one.socket.close()
    return float(spent), float(kept)


# === the crowd: the least that is an HTTP/2 client ===


class _Client:
    """One connection with one stream."""

    def __init__(self, path: Path, size: int, rounds: int) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        asked = block(
            [
                (":method", "POST"), (":scheme", "http"), (":path", _PATH), (":authority", "bench"),
                ("content-type", "application/grpc"), ("te", "trailers"),
            ]
        )  # fmt: skip
        self.socket.sendall(
            wire.PREFACE
            + wire.settings_frame([(Setting.INITIAL_WINDOW_SIZE, _WIDE)])
            + wire.window_frame(0, _WIDE)
            + wire.headers_frame(1, asked, end=False)
        )
        self.socket.setblocking(False)
        self._answer = wire.head(len(_ANSWER), Kind.DATA, 0, 1) + _ANSWER
        self._size = size + 5
        self._got = 0
        self._left = rounds
        self._rest = b""

    def read(self) -> bool:
        """What there is; whether that was all."""
        data = self._rest + self.socket.recv(1 << 20)
        at, out = 0, b""
        while len(data) - at >= wire.HEAD:
            high, low, kind, flags = struct.unpack_from(">HBBB", data, at)
            end = at + wire.HEAD + (high << 8 | low)
            if len(data) < end:
                break
            if kind == Kind.DATA:
                self._got += end - at - wire.HEAD
            elif kind == Kind.PING and not flags & wire.ACK:
                out += wire.ping_frame(data[at + wire.HEAD : end], ack=True)
            elif kind == Kind.SETTINGS and not flags & wire.ACK:
                out += wire.SETTINGS_ACK
            at = end
        self._rest = data[at:]
        while self._got >= self._size:
            self._got -= self._size
            self._left -= 1
            out += self._answer
        if out:
            self.socket.sendall(out)
        return not self._left


def _crowd(clients: Sequence[_Client]) -> None:
    with selectors.DefaultSelector() as selector:
        for one in clients:
            selector.register(one.socket, selectors.EVENT_READ, one)
        left = len(clients)
        while left:
            for key, _ in selector.select():
                if key.data.read():
                    left -= 1
                    selector.unregister(key.data.socket)


# === the servers ===

Read = Callable[[], Awaitable[object]]
Write = Callable[[bytes], Awaitable[None]]


class _Pushing:
    """What both servers do."""

    def __init__(self, size: int, rounds: int) -> None:
        self._message = bytes(size)
        self._rounds = rounds
        self._all, self._done = asyncio.Event(), asyncio.Event()
        self._here = self._gone = 0

    async def stream(self, read: Read, write: Write) -> None:
        """One of them: begins when all are there."""
        self._here += 1
        if self._here == STREAMS:
            self._all.set()
        await self._all.wait()
        await asyncio.sleep(1)  # until the memory of all is looked at
        for _ in range(self._rounds):
            await write(self._message)
            await read()
        self._gone += 1
        if self._gone == STREAMS:
            self._done.set()

    async def run(self) -> None:
        """Says that it listens, and what it cost."""
        before = _memory()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await self._all.wait()
        kept, start = (_memory() - before) / STREAMS, time.process_time()
        await self._done.wait()
        spent = (time.process_time() - start) / STREAMS / self._rounds
        sys.stdout.write(f"{spent * 1e6} {kept}\n")
        sys.stdout.flush()


async def _serve(kind: str, path: Path, size: int, rounds: int) -> None:
    pushing = _Pushing(size, rounds)
    if kind == "own":

        async def method(call: Call) -> None:
            await pushing.stream(call.read, call.write)

        own = RpcServer({_PATH: method})
        own.listen_unix(path, lambda: None)
        await pushing.run()
        await own.stop()
        return

    async def handler(_: Any, context: Any) -> None:
        await pushing.stream(context.read, context.write)

    other = grpc.aio.server()
    handlers: dict[str, Any] = {"Push": grpc.stream_stream_rpc_method_handler(handler)}
    other.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Push", handlers),))
    other.add_insecure_port(f"unix:{path}")
    await other.start()
    await pushing.run()
    await other.stop(None)


def _memory() -> float:
    """KB that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1000


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
