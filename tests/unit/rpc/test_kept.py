"""What is kept of callers who do not finish what they say, or whom nobody reads: bounded, and at nobody else's cost."""

import asyncio
import struct
from collections.abc import Sequence

import hypothesis.strategies as st
from hypothesis import given

from meltemi.shell.http2 import frames as wire
from meltemi.shell.http2.frames import FIRST_WINDOW, Kind
from meltemi.shell.http2.limits import Limits
from meltemi.shell.rpc.call import Call
from meltemi.shell.rpc.kept import Kept
from meltemi.shell.rpc.server import Sizes
from meltemi.shell.rpc.status import Status
from rpc_peer import REQUEST, Peer, connect, run, serving, until

LARGEST = 200_000
SIZES = Sizes(message=LARGEST, beside=40_000)
PIECE = 10_000


def begun(stream: int) -> list[bytes]:
    """A call, and the first word of a message of the largest size."""
    prefix = struct.pack(">BL", 0, LARGEST)
    return [wire.headers_frame(stream, REQUEST, end=False), wire.head(5, Kind.DATA, 0, stream) + prefix]


def part(stream: int) -> bytes:
    return wire.head(PIECE, Kind.DATA, 0, stream) + bytes(PIECE)


def small(stream: int, *, end: bool) -> list[bytes]:
    data = wire.head(8, Kind.DATA, wire.END_STREAM if end else 0, stream) + struct.pack(">BL", 0, 3) + b"abc"
    return [wire.headers_frame(stream, REQUEST, end=False), data]


async def status(peer: Peer, stream: int) -> int:
    """With which a call has ended."""
    while (frame := await peer.hear_kind(Kind.HEADERS)) is not None:
        if frame.stream == stream and frame.flags & wire.END_STREAM:
            return int(frame.payload.partition(b"grpc-status")[2][1:].partition(b"\0")[0])
    raise EOFError


async def wider(peer: Peer, stream: int) -> int:
    """By how much the window of a stream is widened."""
    while (frame := await peer.hear_kind(Kind.WINDOW_UPDATE)) is not None:
        if frame.stream == stream:
            return wire.number(frame.payload)
    raise EOFError


async def listen(call: Call) -> None:
    while await call.read() is not None:
        pass


async def never_read(_: Call) -> None:
    await asyncio.Event().wait()


def test_attack_half_messages_on_every_stream_of_a_connection():
    kept = Kept(1 << 30, "all")

    async def body() -> None:
        async with serving(listen, sizes=SIZES, kept=kept) as (_, port):
            peer = await connect(port, *begun(1), *begun(3))
            await wider(peer, 3)
            peer.say(*[part(1)] * 11, *[part(3)] * 10)
            await until(lambda: kept.bytes == 210_010)
            peer.say(*[part(3)] * 6)  # more than the first: this one ends
            assert await status(peer, 3) == Status.RESOURCE_EXHAUSTED
            assert kept.bytes == 110_005
            peer.say(*small(5, end=True))  # the connection, and the first call, live
            assert await status(peer, 5) == Status.OK
            peer.say(*[part(1)] * 9, wire.head(0, Kind.DATA, wire.END_STREAM, 1))
            assert await status(peer, 1) == Status.OK
            assert kept.bytes == 0

    run(body)


def test_attack_half_a_message_on_each_of_many_connections():
    """It ends calls of him who does it. Who says little is heard all the time."""
    kept = Kept(400_000, "all")

    async def body() -> None:
        async with serving(listen, sizes=SIZES, kept=kept) as (server, port):
            peers: list[Peer] = []
            for number in range(20):
                peers.append(peer := await connect(port, *begun(1)))
                await wider(peer, 1)
                peer.say(*[part(1)] * 10)
                well = await connect(port, *small(1, end=True))
                assert await status(well, 1) == Status.OK
                assert kept.bytes <= 400_000
                well.close()
                if number < 3:
                    await until(lambda many=number + 1: kept.bytes == many * 100_005)
            await until(lambda: server.calls == 3)
            for peer in peers:
                peer.close()
            await until(lambda: kept.bytes == 0)

    run(body)


def test_attack_talking_to_who_does_not_read():
    """What nobody reads yet may be as much as the protocol's first window, for each stream; nobody lets more come."""
    kept = Kept(1 << 30, "all")

    async def body() -> None:
        async with serving(never_read, sizes=SIZES, kept=kept) as (_, port):
            peer = await connect(port, *small(1, end=False))
            one = wire.head(8, Kind.DATA, 0, 1) + struct.pack(">BL", 0, 3) + b"abc"
            peer.say(*[one] * (FIRST_WINDOW // 8 - 1))
            await until(lambda: kept.bytes == FIRST_WINDOW // 8 * 3)
            peer.say(wire.ping_frame(b"12345678", ack=False))
            heard: list[wire.Frame] = []
            while (frame := await peer.hear()) is not None and frame.kind != Kind.PING:
                heard.append(frame)
            assert not [one for one in heard if one.kind == Kind.WINDOW_UPDATE and one.stream]
            peer.say(one, one)  # he does so all the same
            broken = await peer.hear_kind(Kind.RST_STREAM)
            assert broken is not None
            assert wire.number(broken.payload) == wire.Code.FLOW_CONTROL_ERROR
            await until(lambda: kept.bytes == 0)

    run(body)


def test_who_is_read_may_say_much_at_once():
    reading = asyncio.Event()

    async def method(call: Call) -> None:
        await reading.wait()
        await listen(call)

    async def body() -> None:
        async with serving(method, sizes=SIZES) as (_, port):
            peer = await connect(port, *begun(1))
            await asyncio.sleep(0)
            reading.set()
            assert await wider(peer, 1) == Limits().wide_window - FIRST_WINDOW
            peer.say(*[part(1)] * (LARGEST // PIECE), wire.head(0, Kind.DATA, wire.END_STREAM, 1))
            assert await status(peer, 1) == Status.OK

    run(body)


def test_who_was_not_read_is_told_when_he_is():
    """A peer that has used its window up hears of a wider one though nothing else is to be said."""
    reading = asyncio.Event()

    async def method(call: Call) -> None:
        await call.read()
        await reading.wait()
        await listen(call)

    async def body() -> None:
        async with serving(method, sizes=SIZES) as (_, port):
            peer = await connect(port, *small(1, end=False))
            await wider(peer, 1)
            one = wire.head(8, Kind.DATA, 0, 1) + struct.pack(">BL", 0, 3) + b"abc"
            peer.say(*[one] * (Limits().wide_window // 8 - 1), wire.ping_frame(b"12345678", ack=False))
            await peer.hear_kind(Kind.PING)
            reading.set()
            assert await wider(peer, 1) > Limits().wide_window // 2

    run(body)


def test_attack_connections_without_number():
    async def body() -> None:
        async with serving(listen, sizes=Sizes(connections=3)) as (server, port):
            held = [await connect(port) for _ in range(3)]
            await until(lambda: server.connections == 3)
            for _ in range(20):
                assert await (await connect(port)).hear() is None
            held[0].close()
            await until(lambda: server.connections == 2)
            well = await connect(port, *small(1, end=True))
            assert await status(well, 1) == Status.OK

    run(body)


class Keeping:
    """A call of which so many bytes are kept."""

    def __init__(self, room: Kept) -> None:
        self.room = room
        self.bytes = 0
        self.ended = False

    def note(self, more: int) -> None:
        if not self.ended:
            more = max(more, -self.bytes)
            self.bytes += more
            self.room.note(self, more)

    def too_much(self, message: str) -> None:
        assert not self.ended
        assert self.bytes
        self.ended = True
        less, self.bytes = self.bytes, 0
        self.room.note(self, -less)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-60, 120)), max_size=60))
def test_whatever_is_kept_and_given_back_the_bounds_hold(steps: Sequence[tuple[int, int]]):
    every = Kept(250, "all")
    rooms = [Kept(100, "of one", every) for _ in range(3)]
    calls = [Keeping(rooms[number // 2]) for number in range(6)]
    for number, more in steps:
        calls[number].note(more)
        assert every.bytes == sum(one.bytes for one in calls) <= 250
        for at, room in enumerate(rooms):
            assert room.bytes == calls[2 * at].bytes + calls[2 * at + 1].bytes <= 100
