"""A plain HTTP/2 application over shell/http2: answers every request, whatever it is, with data.

h2spec looks at what is sent; a server of gRPC alone sends it headers only, and half of its cases would look at nothing.
"""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from threading import Event, Thread

from meltemi.shell.http2.exchange import Exchange, Peer, Receiver
from meltemi.shell.http2.framed import Shared
from meltemi.shell.http2.headers import Request, block
from meltemi.shell.http2.limits import Limits
from meltemi.shell.http2.protocol import Http2Protocol, Times

BODY = b"data" * 16


class Answer:
    """Sends the body when the request is whole."""

    def __init__(self, exchange: Exchange, request: Request, peer: Peer) -> None:
        del request, peer
        self._exchange = exchange
        self._task: asyncio.Task[None] | None = None

    def on_data(self, data: bytes) -> None:
        self._exchange.took(len(data))

    def on_end(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._send())

    def on_reset(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _send(self) -> None:
        self._exchange.headers(block([(":status", "200")]))
        await self._exchange.send(b"", BODY)
        self._exchange.end(block([("x-done", "yes")]))


def accept(exchange: Exchange, request: Request, peer: Peer) -> Receiver:
    return Answer(exchange, request, peer)


@contextmanager
def serving() -> Generator[int]:
    """On 127.0.0.1 while the block runs; the port."""
    started, ports = Event(), list[int]()
    loop = asyncio.new_event_loop()

    def protocol() -> Http2Protocol:
        return Http2Protocol(accept, Limits(), Times(), shared, alive)

    async def run() -> None:
        server = await loop.create_server(protocol, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
        started.set()
        await server.serve_forever()

    shared, alive = Shared(), set[Http2Protocol]()
    task = loop.create_task(run())

    def body() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            loop.close()

    thread = Thread(target=body)
    thread.start()
    try:
        assert started.wait(10)
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
