"""One connection as a machine without I/O: bytes in, events and bytes out.

Place:  shell/http2 · protocol (which has the socket and the clock) ⇄ [connection] → frames, headers, streams, limits
Source: RFC 9113. Only a server, which pushes nothing and keeps no priorities.

Nothing that a peer sends raises: a broken rule resets a stream, or closes the connection with GOAWAY.
"""

from typing import NamedTuple

from meltemi.shell.http2 import frames as wire
from meltemi.shell.http2.events import Closed, Data, Ended, Event, Opened, Reset, Roomier
from meltemi.shell.http2.frames import Code, ConnectionFault, Frame, Kind, Setting, StreamFault
from meltemi.shell.http2.headers import Decoder, Request, check_trailers, request
from meltemi.shell.http2.limits import Budget, Limits
from meltemi.shell.http2.streams import Stream, Streams

_LARGEST_SENT = 64 << 10
"""Bytes of a frame that we send, however much the peer takes: others have their turn between."""


class _Block(NamedTuple):
    """A header block of which more is to come."""

    stream: int
    end: bool
    fault: StreamFault | None
    parts: list[bytes]


class Connection:
    """The state. Time comes in with what arrives, in seconds, never going back."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._frames = wire.Frames()
        self._preface: bytes = wire.PREFACE
        self._decoder = Decoder(limits.header_list)
        self._block: _Block | None = None
        self._block_size = 0
        self._streams = Streams(limits)
        self._refused_above = wire.LAST_STREAM
        self._idle = Budget(limits.idle_frames)
        self._resets = Budget(limits.resets)
        self._events: list[Event] = []
        self._now = 0.0
        self.frame_size = wire.SMALLEST_FRAME_SIZE
        """Bytes that a frame to the peer may hold."""
        self.greeted = False
        """Whether the peer has shown that it speaks HTTP/2."""
        self.closed = False
        settings = (
            (Setting.MAX_CONCURRENT_STREAMS, limits.streams),
            (Setting.INITIAL_WINDOW_SIZE, limits.window),
            (Setting.MAX_HEADER_LIST_SIZE, limits.header_list),
        )
        self._out: list[bytes] = [
            wire.settings_frame(settings),
            wire.window_frame(0, limits.connection_window - wire.FIRST_WINDOW),
        ]

    # === in ===

    def receive(self, data: bytes, now: float) -> list[Event]:
        """What the peer has sent."""
        if self.closed:
            return []
        self._now, self._events = now, []
        try:
            for frame in self._frames.read(self._after_preface(data)):
                try:
                    self._on_frame(frame)
                except StreamFault as fault:
                    self._broke_off(fault)
        except ConnectionFault as fault:
            self.close(fault.code, str(fault))
            self._events.append(Closed(fault.code, str(fault)))
        return self._events

    # === out ===

    def take(self) -> bytes:
        """What is to be written before all else."""
        if not self._out:
            return b""
        out, self._out = b"".join(self._out), []
        return out

    def headers(self, stream: int, block: bytes) -> None:
        """A response begins."""
        if self._streams.get(stream):
            self._out.append(wire.headers_frame(stream, block, end=False))

    def end(self, stream: int, block: bytes) -> None:
        """A response ends, with trailers or where nothing was sent with headers.

        What the peer has yet to say is not wanted, and it is told so when it goes on: a client of gRPC's C library
        takes a reset for the answer where it has handed the true one on already.
        """
        one = self._streams.get(stream)
        if one is None:
            return
        self._out.append(wire.headers_frame(stream, block, end=True))
        one.answered = True
        if one.whole:
            self._streams.forget(stream, by_us=False)

    def reset(self, stream: int, code: Code) -> None:
        """A stream ends here."""
        self._out.append(wire.reset_frame(stream, code))
        self._streams.forget(stream, by_us=True)

    def room(self, stream: int) -> int:
        """Bytes of data that may be sent on a stream."""
        return self._streams.room(stream)

    def spend(self, stream: int, size: int) -> None:
        """So many bytes are sent, no more than there is room for."""
        self._streams.spend(stream, size)

    def read(self, stream: int) -> None:
        """Somebody reads a stream: from now on the peer may send much, and is told so."""
        if more := self._streams.open_wide(stream):
            self._out.append(wire.window_frame(stream, more))

    def took(self, stream: int, size: int) -> None:
        """So many bytes of a request were taken: the peer may send as many again, and is told now and then."""
        if more := self._streams.took(stream, size):
            self._out.append(wire.window_frame(stream, more))

    def ping(self) -> None:
        """Ask whether the peer lives."""
        self._out.append(wire.ping_frame(b"\0" * 8, ack=False))

    def go_away(self) -> None:
        """No further streams; those that come still are refused, so that the peer tries elsewhere."""
        self._refused_above = self._streams.last
        self._out.append(wire.goaway_frame(self._streams.last, Code.NO_ERROR, ""))

    def announce_leaving(self) -> None:
        """No further streams, please; those that are on their way are taken still (RFC 9113, 6.8)."""
        self._out.append(wire.goaway_frame(wire.LAST_STREAM, Code.NO_ERROR, ""))

    def close(self, code: Code, message: str) -> None:
        """The last word."""
        self.closed = True
        self._streams.clear()
        self._out.append(wire.goaway_frame(self._streams.last, code, message))

    # === frames ===

    def _after_preface(self, data: bytes) -> bytes:
        if not self._preface:
            return data
        seen = min(len(data), len(self._preface))
        if data[:seen] != self._preface[:seen]:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "this is not HTTP/2")
        self._preface = self._preface[seen:]
        return data[seen:]

    def _on_frame(self, frame: Frame) -> None:
        kind = frame.kind
        if self._block and (kind != Kind.CONTINUATION or frame.stream != self._block.stream):
            raise ConnectionFault(Code.PROTOCOL_ERROR, "a frame within a header block")
        if not self.greeted:
            if kind != Kind.SETTINGS or frame.flags & wire.ACK:
                raise ConnectionFault(Code.PROTOCOL_ERROR, "the first frame is not SETTINGS")
            self.greeted = True
        if kind == Kind.DATA:
            self._on_data(frame)
        elif kind == Kind.HEADERS:
            self._on_headers(frame)
        else:
            self._carries_nothing()
            self._on_other(frame)

    def _on_other(self, frame: Frame) -> None:
        """Types that nobody knows are ignored."""
        match frame.kind:
            case Kind.WINDOW_UPDATE:
                self._on_window(frame)
            case Kind.PING:
                self._on_ping(frame)
            case Kind.SETTINGS:
                self._on_settings(frame)
            case Kind.RST_STREAM:
                self._on_reset(frame)
            case Kind.CONTINUATION:
                self._on_continuation(frame)
            case Kind.PRIORITY:
                _check_priority(frame)
            case Kind.GOAWAY:
                _check_goaway(frame)
            case Kind.PUSH_PROMISE:
                raise ConnectionFault(Code.PROTOCOL_ERROR, "a client promises nothing")
            case _:
                pass

    def _on_data(self, frame: Frame) -> None:
        stream, size = frame.stream, len(frame.payload)
        self._streams.known(stream)
        if more := self._streams.receive(size):
            self._out.append(wire.window_frame(0, more))
        data, end = wire.unpadded(frame), bool(frame.flags & wire.END_STREAM)
        if not data and not end:
            self._carries_nothing()
        one = self._streams.listening(stream, headers=False)
        if one is None:
            self._carries_nothing()
            return
        one.receive(size, len(data), end=end)
        if one.answered and not end:
            self.reset(stream, Code.NO_ERROR)
            return
        if data and not one.answered:
            self._events.append(Data(stream, data))
        if size != len(data):
            self.took(stream, size - len(data))
        if end:
            self._whole(one)

    def _on_headers(self, frame: Frame) -> None:
        if frame.stream % 2 == 0:
            raise ConnectionFault(Code.PROTOCOL_ERROR, f"a request on stream {frame.stream}")
        block, fault = wire.unpadded(frame), None
        if frame.flags & wire.WITH_PRIORITY:
            if len(block) < 5:
                raise ConnectionFault(Code.FRAME_SIZE_ERROR, "no room for a priority")
            if wire.number(block) == frame.stream:
                fault = StreamFault(Code.PROTOCOL_ERROR, frame.stream)
            block = block[5:]
        self._add(_Block(frame.stream, bool(frame.flags & wire.END_STREAM), fault, [block]), frame.flags)

    def _on_continuation(self, frame: Frame) -> None:
        if self._block is None:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "CONTINUATION of nothing")
        self._block.parts.append(frame.payload)
        self._add(self._block, frame.flags)

    def _add(self, block: _Block, flags: int) -> None:
        """The block has grown by its last part."""
        self._block_size += len(block.parts[-1])
        if self._block_size > self._limits.header_list:
            raise ConnectionFault(Code.ENHANCE_YOUR_CALM, "too many headers")
        if not flags & wire.END_HEADERS:
            self._block = block
            return
        self._block, self._block_size = None, 0
        pairs = self._decoder.decode(b"".join(block.parts))
        if block.stream > self._streams.last:
            self._streams.last = block.stream
            if block.fault:
                raise block.fault
            self._begin(block, request(block.stream, pairs))
            return
        one = self._streams.listening(block.stream, headers=True)
        if one is None:
            self._carries_nothing()
            return
        if block.fault or not block.end or one.expected:
            raise StreamFault(Code.PROTOCOL_ERROR, block.stream)
        check_trailers(block.stream, pairs)
        self._whole(one)

    def _begin(self, block: _Block, asked: Request) -> None:
        stream = block.stream
        if stream > self._refused_above:
            raise StreamFault(Code.REFUSED_STREAM, stream)
        if block.end and asked.length:
            raise StreamFault(Code.PROTOCOL_ERROR, stream)
        one = self._streams.begin(stream, asked.length)
        self._events.append(Opened(stream, asked))
        if block.end:
            self._whole(one)

    def _on_reset(self, frame: Frame) -> None:
        self._streams.known(frame.stream)
        if len(frame.payload) != 4:
            raise ConnectionFault(Code.FRAME_SIZE_ERROR, "RST_STREAM of another size")
        one = self._streams.get(frame.stream)
        if one is None or not one.answered:
            self._gives_up()
        if one is not None:
            self._streams.forget(frame.stream, by_us=False)
            self._events.append(Reset(frame.stream, wire.number(frame.payload)))

    def _on_settings(self, frame: Frame) -> None:
        if frame.stream:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "SETTINGS of a stream")
        if frame.flags & wire.ACK:
            if frame.payload:
                raise ConnectionFault(Code.FRAME_SIZE_ERROR, "an acknowledgement that says something")
            return
        if len(frame.payload) % 6:
            raise ConnectionFault(Code.FRAME_SIZE_ERROR, "SETTINGS of a broken size")
        for name, value in wire.read_settings(frame.payload):
            self._set(name, value)
        self._out.append(wire.SETTINGS_ACK)

    def _set(self, name: int, value: int) -> None:
        if name == Setting.ENABLE_PUSH and value > 1:
            raise ConnectionFault(Code.PROTOCOL_ERROR, f"ENABLE_PUSH is {value}")
        if name == Setting.MAX_FRAME_SIZE:
            if not wire.SMALLEST_FRAME_SIZE <= value <= wire.LARGEST_FRAME_SIZE:
                raise ConnectionFault(Code.PROTOCOL_ERROR, f"MAX_FRAME_SIZE is {value}")
            self.frame_size = min(value, _LARGEST_SENT)
        if name == Setting.INITIAL_WINDOW_SIZE:
            self._streams.resize(value)
            self._events.append(Roomier(0))

    def _on_ping(self, frame: Frame) -> None:
        if frame.stream:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "PING of a stream")
        if len(frame.payload) != 8:
            raise ConnectionFault(Code.FRAME_SIZE_ERROR, "PING of another size")
        if not frame.flags & wire.ACK:
            self._out.append(wire.ping_frame(frame.payload, ack=True))

    def _on_window(self, frame: Frame) -> None:
        if len(frame.payload) != 4:
            raise ConnectionFault(Code.FRAME_SIZE_ERROR, "WINDOW_UPDATE of another size")
        if self._streams.widen(frame.stream, wire.number(frame.payload)):
            self._events.append(Roomier(frame.stream))

    # === what follows ===

    def _whole(self, one: Stream) -> None:
        one.whole = True
        if one.answered:
            self._streams.forget(one.number, by_us=False)
        else:
            self._events.append(Ended(one.number))

    def _broke_off(self, fault: StreamFault) -> None:
        self._gives_up()
        if self._streams.get(fault.stream):
            self._events.append(Reset(fault.stream, fault.code))
        self.reset(fault.stream, fault.code)

    def _gives_up(self) -> None:
        """A stream that the peer gives up, or with which it breaks a rule, cost us what opening it costs."""
        if not self._resets.spend(self._now):
            raise ConnectionFault(Code.ENHANCE_YOUR_CALM, "too many streams were given up")

    def _carries_nothing(self) -> None:
        if not self._idle.spend(self._now):
            raise ConnectionFault(Code.ENHANCE_YOUR_CALM, "too many frames that carry nothing")


def _check_priority(frame: Frame) -> None:
    """Raises for what cannot be one; otherwise it is ignored (RFC 9113, 5.3)."""
    if not frame.stream:
        raise ConnectionFault(Code.PROTOCOL_ERROR, "PRIORITY of the connection")
    if len(frame.payload) != 5:
        raise StreamFault(Code.FRAME_SIZE_ERROR, frame.stream)
    if wire.number(frame.payload) == frame.stream:
        raise StreamFault(Code.PROTOCOL_ERROR, frame.stream)


def _check_goaway(frame: Frame) -> None:
    """The peer begins no streams any more; it closes when it has what it wants."""
    if frame.stream:
        raise ConnectionFault(Code.PROTOCOL_ERROR, "GOAWAY of a stream")
    if len(frame.payload) < 8:
        raise ConnectionFault(Code.FRAME_SIZE_ERROR, "GOAWAY of a broken size")
