"""A client of frames, and a server on loopback for it to talk to."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from meltemi.shell.http2 import frames as wire
from meltemi.shell.http2.frames import Kind, Setting
from meltemi.shell.http2.headers import block
from meltemi.shell.http2.protocol import Times
from meltemi.shell.rpc.call import Method
from meltemi.shell.rpc.kept import Kept
from meltemi.shell.rpc.server import RpcServer, Sizes

PATH = "/t.T/Call"
REQUEST = block(
    [(":method", "POST"), (":scheme", "http"), (":path", PATH), ("content-type", "application/grpc"),
     ("te", "trailers")]
)  # fmt: skip


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110  (the condition has no event)
        await asyncio.sleep(0.01)


class Peer:
    """A client of frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def say(self, *frames: bytes) -> None:
        self._writer.write(b"".join(frames))

    async def hear(self) -> wire.Frame | None:
        """The next frame; None at the end."""
        try:
            head = await self._reader.readexactly(wire.HEAD)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return None
        length = int.from_bytes(head[:3])
        payload = await self._reader.readexactly(length)
        return wire.Frame(head[3], head[4], int.from_bytes(head[5:]), payload)

    async def hear_kind(self, *kinds: Kind) -> wire.Frame | None:
        while (frame := await self.hear()) is not None and frame.kind not in kinds:
            pass
        return frame

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def serving(
    method: Method, times: Times | None = None, sizes: Sizes | None = None, kept: Kept | None = None
) -> AsyncGenerator[tuple[RpcServer, int]]:
    server = RpcServer({PATH: method}, times=times, sizes=sizes, kept=kept)
    port = server.listen("127.0.0.1", 0)
    try:
        yield server, port
    finally:
        await server.stop()


async def connect(port: int, *first: bytes, window: int = wire.FIRST_WINDOW) -> Peer:
    peer = Peer(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 25))
    peer.say(wire.PREFACE, wire.settings_frame([(Setting.INITIAL_WINDOW_SIZE, window)]), *first)
    return peer


def run(body: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(60):
            await body()

    asyncio.run(limited())
