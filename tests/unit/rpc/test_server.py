"""A server on real sockets: who is silent, who does not read, who stays too long, and how it ends."""

import asyncio
import socket
from typing import Any

import grpc
import grpc.aio
import pytest

from meltemi.shell.http2 import frames as wire
from meltemi.shell.http2.frames import Code, Kind
from meltemi.shell.http2.protocol import Http2Protocol, Times
from meltemi.shell.rpc.call import Call
from meltemi.shell.rpc.server import RpcServer
from rpc_peer import PATH, REQUEST, Peer, connect, run, serving, until

BIG = 8 << 20


async def wait_for_ever(_: Call) -> None:
    await asyncio.Event().wait()


def test_who_is_silent_is_asked_and_then_left():
    async def body() -> None:
        async with serving(wait_for_ever, Times(greeting=2, silence=0.1, answer=3)) as (_, port):
            peer = await connect(port)
            ping = await peer.hear_kind(Kind.PING)
            assert ping is not None
            peer.say(wire.ping_frame(ping.payload, ack=True))  # it lives
            assert await peer.hear_kind(Kind.PING) is not None
            assert await peer.hear_kind(Kind.PING) is None  # it did not answer: the connection is at its end

    run(body)


@pytest.mark.parametrize("said", [b"", wire.PREFACE[:10], wire.PREFACE])
def test_who_does_not_greet_is_left(said: bytes):
    async def body() -> None:
        async with serving(wait_for_ever, Times(greeting=0.1)) as (_, port):
            peer = Peer(*await asyncio.open_connection("127.0.0.1", port))
            peer.say(said)
            assert await peer.hear_kind(Kind.DATA) is None

    run(body)


def test_an_old_connection_is_told_to_go_and_its_streams_have_a_grace():
    ended: list[str] = []

    async def method(call: Call) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("call")

    async def body() -> None:
        async with serving(method, Times(age=0.2, grace=3)) as (_, port):
            peer = await connect(port, wire.headers_frame(1, REQUEST, end=False))
            said = await peer.hear_kind(Kind.GOAWAY)
            assert said is not None
            assert (wire.number(said.payload), wire.number(said.payload[4:])) == (wire.LAST_STREAM, Code.NO_ERROR)
            assert ended == []
            assert await peer.hear_kind(Kind.DATA) is None
            await until(lambda: ended == ["call"])

    run(body)


def test_who_does_not_read_is_asked_for_nothing_and_delays_nobody():
    """By its window here; by its socket in tests/unit/shell/test_slow_proxy.py."""
    made: list[str] = []

    async def method(call: Call) -> None:
        name = (await call.read() or b"").decode()
        woken = asyncio.Event()
        call.listen(woken.set)
        for _ in range(5):
            while not call.ready:
                await woken.wait()
                woken.clear()
            made.append(name)
            await call.write(bytes(100_000))

    async def body() -> None:
        async with serving(method) as (_, port):

            def begin(name: bytes, stream: int) -> bytes:
                data = b"\0\0\0\0\1" + name
                return wire.headers_frame(stream, REQUEST, end=False) + wire.head(6, Kind.DATA, 1, stream) + data

            stuck = await connect(port, begin(b"s", 1), window=50_000)
            well = await connect(port, wire.window_frame(0, 1 << 30), begin(b"w", 1), window=1 << 30)
            while (frame := await well.hear()) is None or not frame.flags & wire.END_STREAM or frame.kind == Kind.DATA:
                pass
            assert made.count("w") == 5
            assert made.count("s") <= 1
            stuck.say(wire.window_frame(0, 1 << 30), wire.window_frame(1, 1 << 30))
            await until(lambda: made.count("s") == 5)

    run(body)


def test_on_one_connection_a_small_message_overtakes_a_big_one():
    async def method(call: Call) -> None:
        await call.write(bytes(BIG) if await call.read() == b"b" else b"small")

    async def body() -> None:
        async with serving(method) as (_, port):

            def ask(stream: int, what: bytes) -> bytes:
                data = b"\0\0\0\0\1" + what
                return wire.headers_frame(stream, REQUEST, end=False) + wire.head(6, Kind.DATA, 1, stream) + data

            peer = await connect(port, wire.window_frame(0, 1 << 30), ask(1, b"b"), ask(3, b"s"), window=1 << 30)
            ends: list[int] = []
            while len(ends) < 2:
                frame = await peer.hear_kind(Kind.HEADERS)
                assert frame is not None
                if frame.flags & wire.END_STREAM:
                    ends.append(frame.stream)
            assert ends == [3, 1]

    run(body)


def test_who_makes_us_answer_and_does_not_read_is_left():
    async def body() -> None:
        async with serving(wait_for_ever) as (server, port):
            peer = await connect(port)
            await until(lambda: server.connections == 1)
            for _ in range(400):  # slower than the limit of frames would notice
                peer.say(wire.ping_frame(b"12345678", ack=False) * 5_000)
                await asyncio.sleep(0)
                if not server.connections:
                    break
            await until(lambda: not server.connections)

    run(body)


def test_a_call_ends_with_its_connection_and_a_stop_ends_calls():
    ended: list[bytes] = []

    async def method(call: Call) -> None:
        name = await call.read() or b""
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    async def body() -> None:
        async with serving(method) as (server, port):
            peers: list[Any] = []
            for name in (b"a", b"b"):
                data = wire.head(6, Kind.DATA, 0, 1) + b"\0\0\0\0\1" + name
                peers.append(await connect(port, wire.headers_frame(1, REQUEST, end=False), data))
            await until(lambda: server.calls == 2)
            await asyncio.sleep(0)
            peers[0].close()
            await until(lambda: len(ended) == 1)
            await server.stop()
            assert len(ended) == 2
            said = await peers[1].hear_kind(Kind.GOAWAY)
            assert said is not None
            assert wire.number(said.payload[4:]) == Code.NO_ERROR

    run(body)


def test_nothing_waits_in_a_socket_for_more_to_say(monkeypatch: pytest.MonkeyPatch):
    """TCP_NODELAY, which asyncio sets on some sockets only."""
    set_: list[int] = []
    made = Http2Protocol.connection_made

    def noting(self: Http2Protocol, transport: asyncio.BaseTransport) -> None:
        set_.append(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        made(self, transport)

    monkeypatch.setattr(Http2Protocol, "connection_made", noting)

    async def body() -> None:
        async with serving(wait_for_ever) as (_, port):
            peer = await connect(port)
            await peer.hear_kind(Kind.SETTINGS)
            assert set_ == [1]

    run(body)


def test_a_stop_is_unavailable_to_a_client():
    async def body() -> None:
        server = RpcServer({PATH: wait_for_ever})
        port = server.listen("127.0.0.1", 0)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            to: Any = channel
            asking = to.unary_unary(PATH)(b"", timeout=30)
            await until(lambda: server.calls == 1)
            await server.stop()
            assert await asking.code() is grpc.StatusCode.UNAVAILABLE

    run(body)


def test_what_hears_messages_fails_its_own_call_only():
    async def method(call: Call) -> None:
        def hear(message: bytes) -> None:
            if message == b"bad":
                raise LookupError

        await call.each(hear)

    async def body() -> None:
        async with serving(method) as (_, port), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            asking: Any = channel
            bad, good = asking.stream_stream(PATH)(timeout=30), asking.stream_stream(PATH)(timeout=30)
            await good.write(b"good")
            await bad.write(b"good")
            await bad.write(b"bad")
            assert await bad.code() is grpc.StatusCode.UNKNOWN
            await good.done_writing()
            assert await good.code() is grpc.StatusCode.OK

    run(body)
