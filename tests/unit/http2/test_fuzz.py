"""Whatever a peer sends: no exception, bounded memory, and where a rule is broken a last GOAWAY."""

import sys
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, cast

import hypothesis.strategies as st
from hypothesis import example, given

from meltemi.shell.http2 import frames as wire
from meltemi.shell.http2.connection import Connection
from meltemi.shell.http2.events import Closed, Data, Ended, Event, Opened, Reset
from meltemi.shell.http2.frames import Code, Kind, Setting
from meltemi.shell.http2.headers import block
from meltemi.shell.http2.limits import Limits

LIMITS = Limits(streams=4, idle_frames=60, resets=20, window=1 << 16)
REQUEST = [(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), ("te", "trailers")]
STREAMS = st.sampled_from((0, 1, 1, 3, 3, 5, 7, 9, 11, 2, 2**31 - 1))
BLOCKS = st.one_of(
    st.just(block(REQUEST)),
    st.just(block([*REQUEST, ("content-length", "5")])),
    st.binary(max_size=64),
    st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), max_size=6).map(block),
)
FLAGS = st.one_of(st.sampled_from((0, 1, 4, 5, 8, 0x20, 0x25, 0x2D)), st.integers(0, 255))


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return wire.head(len(payload), kind, flags, stream) + payload


FRAMES = st.one_of(
    st.builds(frame, st.just(Kind.HEADERS), FLAGS, STREAMS, BLOCKS),
    st.builds(frame, st.just(Kind.CONTINUATION), FLAGS, STREAMS, BLOCKS),
    st.builds(frame, st.just(Kind.DATA), FLAGS, STREAMS, st.binary(max_size=40)),
    st.builds(wire.window_frame, STREAMS, st.one_of(st.sampled_from((0, 1, 2**31 - 1)), st.integers(0, 2**32 - 1))),
    st.builds(wire.reset_frame, STREAMS, st.sampled_from(Code)),
    st.lists(st.tuples(st.sampled_from(Setting), st.integers(0, 2**32 - 1)), max_size=3).map(wire.settings_frame),
    st.builds(frame, st.integers(0, 255), FLAGS, STREAMS, st.binary(max_size=40)),
)
STREAM_OF_FRAMES = st.lists(FRAMES, max_size=40).map(b"".join)
GREETING = wire.PREFACE + wire.settings_frame([])


def feed(pieces: Sequence[bytes]) -> tuple[Connection, list[Event], bytes]:
    """A connection whose peer sent this; what it told, and what it answered."""
    connection, events, out = Connection(LIMITS), list[Event](), b""
    for piece in pieces:
        events += connection.receive(piece, 1.0)
        out += connection.take()
    return connection, events, out


def held(one: Any, seen: set[int]) -> int:
    """Bytes behind a connection."""
    if id(one) in seen or isinstance(one, type):
        return 0
    seen.add(id(one))
    parts: list[Any] = [getattr(one, name) for name in getattr(one, "__slots__", ()) if hasattr(one, name)]
    parts.append(getattr(one, "__dict__", None))
    if type(one) in (dict, OrderedDict):
        parts += [*one.keys(), *one.values()]
    elif isinstance(one, list | tuple | set):
        parts += cast(Sequence[Any], one)
    size: int = sys.getsizeof(cast(object, one))
    return size + sum(held(each, seen) for each in parts)


def check(pieces: Sequence[bytes]) -> None:
    connection, events, out = feed(pieces)
    closed = [one for one in events if isinstance(one, Closed)]
    assert len(closed) == connection.closed
    kinds = [one.kind for one in wire.Frames().read(out)]
    assert (Kind.GOAWAY in kinds) == connection.closed
    if connection.closed:
        assert kinds[-1] == Kind.GOAWAY
        assert connection.receive(GREETING, 1.0) == []
    # A stream begins, speaks and ends in that order.
    state: dict[int, str] = {}
    for one in events:
        match one:
            case Opened(stream):
                assert stream % 2 == 1
                assert stream not in state
                state[stream] = "open"
            case Data(stream):
                assert state[stream] == "open"
            case Ended(stream):
                assert state[stream] == "open"
                state[stream] = "whole"
            case Reset(stream):
                assert state[stream] in ("open", "whole")
                state[stream] = "over"
            case _:
                pass
    assert sum(one in ("open", "whole") for one in state.values()) <= LIMITS.streams
    del events
    assert held(connection, set()) < 400_000


@given(st.lists(st.binary(max_size=200), max_size=10))
@example([b"GET / HTTP/1.1\r\n\r\n"])
def test_random_bytes(pieces: list[bytes]):
    check(pieces)


@given(st.lists(st.binary(max_size=200), max_size=10))
def test_random_bytes_after_a_greeting(pieces: list[bytes]):
    check([GREETING, *pieces])


@given(STREAM_OF_FRAMES, st.integers(1, 200))
def test_frames_that_are_nearly_right_in_pieces_of_any_size(data: bytes, size: int):
    data = GREETING + data
    check([data[at : at + size] for at in range(0, len(data), size)])


@given(STREAM_OF_FRAMES)
def test_how_bytes_are_cut_makes_no_difference(data: bytes):
    data = GREETING + data
    _, whole, out = feed([data])
    _, bytewise, the_same = feed([data[at : at + 1] for at in range(len(data))])
    assert whole == bytewise
    assert out == the_same


@given(st.lists(st.binary(min_size=1, max_size=80), max_size=20))
def test_header_blocks_of_any_bytes(blocks: list[bytes]):
    frames = [wire.headers_frame(2 * at + 1, one, end=True) for at, one in enumerate(blocks)]
    check([GREETING, *frames])
