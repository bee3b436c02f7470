"""The streams of one upgraded connection.

Place:  runtime/kubelet_api · server → [session] → execute, forward
"""

import asyncio
from collections.abc import AsyncIterator, Mapping

from meltemi.shell.runtime.kubelet_api.spdy import (
    Codec,
    Data,
    Frame,
    Opened,
    Ping,
    Reset,
    SpdyError,
    encode_data,
    encode_ping,
    encode_reset,
)

READ = 64 << 10
WAITING = 64
"""Pieces of a stream that may wait for their reader; then nothing more is read from the connection."""


class Stream:
    """One of them, both ways."""

    def __init__(self, number: int, headers: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.headers = headers
        self._writer = writer
        self._coming: asyncio.Queue[bytes] = asyncio.Queue(WAITING)
        self._ended = False

    async def received(self) -> AsyncIterator[bytes]:
        """What comes, until its end."""
        while piece := await self._coming.get():
            yield piece

    async def write(self, data: bytes) -> None:
        """Send. Raises ConnectionError when the connection is gone."""
        if data and not self._ended:
            self._writer.write(encode_data(self.number, data))
            await self._writer.drain()

    async def close(self) -> None:
        """Nothing more is sent."""
        if not self._ended:
            self._ended = True
            self._writer.write(encode_data(self.number, b"", fin=True))
            await self._writer.drain()

    def reset(self) -> None:
        """Give it up."""
        self._ended = True
        self._writer.write(encode_reset(self.number))

    async def take(self, data: bytes, *, fin: bool) -> None:
        """From the session."""
        if data:
            await self._coming.put(data)
        if fin:
            await self._coming.put(b"")

    def abandon(self) -> None:
        """The connection is gone: who reads learns it, also where nothing more fits."""
        self._ended = True
        while self._coming.full():
            self._coming.get_nowait()
        self._coming.put_nowait(b"")


class Session:
    """All streams of a connection; the other end opens them."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._codec = Codec()
        self._streams: dict[int, Stream] = {}
        self._opened: asyncio.Queue[Stream | None] = asyncio.Queue()

    async def run(self, first: bytes) -> None:
        """Read until the connection ends. `first`: what came with the request."""
        data = first
        try:
            while True:
                for frame in self._codec.receive(data):
                    await self._take(frame)
                data = await self._reader.read(READ)
                if not data:
                    return
        except (OSError, SpdyError):
            return
        finally:
            self._opened.put_nowait(None)
            for stream in self._streams.values():
                stream.abandon()

    async def opened(self) -> AsyncIterator[Stream]:
        """Each new stream, until the connection ends."""
        while stream := await self._opened.get():
            yield stream

    def forget(self, *streams: Stream) -> None:
        """They are done with."""
        for stream in streams:
            self._streams.pop(stream.number, None)

    async def _take(self, frame: Frame) -> None:
        match frame:
            case Opened():
                stream = self._streams[frame.stream] = Stream(frame.stream, dict(frame.headers), self._writer)
                self._writer.write(self._codec.reply(frame.stream))
                self._opened.put_nowait(stream)
                await stream.take(b"", fin=frame.fin)
            case Data():
                if stream := self._streams.get(frame.stream):
                    await stream.take(frame.data, fin=frame.fin)
            case Reset():
                if stream := self._streams.pop(frame.stream, None):
                    await stream.take(b"", fin=True)
            case Ping():
                self._writer.write(encode_ping(frame.number))
