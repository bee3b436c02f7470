"""HTTP/2 frames: bytes cut into frames, and frames as bytes.

Place:  shell/http2 · bytes → [frames] → connection
Source: RFC 9113, 4 and 6
"""

from collections.abc import Iterator, Sequence
from enum import IntEnum
from struct import Struct
from typing import NamedTuple

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD = 9
"""Bytes before each payload."""
SMALLEST_FRAME_SIZE = 16_384
"""What every endpoint takes as a payload, and what we take."""
LARGEST_FRAME_SIZE = 2**24 - 1
LARGEST_WINDOW = 2**31 - 1
FIRST_WINDOW = 65_535
LAST_STREAM = 2**31 - 1

# Flags.
ACK = END_STREAM = 0x1
END_HEADERS = 0x4
PADDED = 0x8
WITH_PRIORITY = 0x20

_HEAD = Struct(">HBBBL")
_WORD = Struct(">L")
_SETTING = Struct(">HL")


class Kind(IntEnum):
    """Types of frames; others are ignored."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Code(IntEnum):
    """Why a stream or a connection ended."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11


class Setting(IntEnum):
    """Names of settings; others are ignored."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6


class ConnectionFault(Exception):  # noqa: N818  (the RFC's "connection error"; a Fault as everywhere in the house)
    """The peer broke a rule after which the connection cannot go on."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


class StreamFault(Exception):  # noqa: N818  (as above)
    """The peer broke a rule that concerns one stream."""

    def __init__(self, code: Code, stream: int) -> None:
        super().__init__(f"stream {stream}: {code.name}")
        self.code = code
        self.stream = stream


class Frame(NamedTuple):
    """One frame; a tuple, for many are read."""

    kind: int
    flags: int
    stream: int
    payload: bytes


class Frames:
    """Cuts what arrives into frames. What is kept is less than one frame of the size that we take."""

    def __init__(self) -> None:
        self._rest: bytes = b""

    def read(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole now. Raises ConnectionFault for one that is too large."""
        if self._rest:
            data = self._rest + data
        at, end = 0, len(data)
        while end - at >= HEAD:
            high, low, kind, flags, stream = _HEAD.unpack_from(data, at)
            length = high << 8 | low
            if length > SMALLEST_FRAME_SIZE:
                raise ConnectionFault(Code.FRAME_SIZE_ERROR, f"a frame of {length} bytes")
            start = at + HEAD
            if end - start < length:
                break
            at = start + length
            yield Frame(kind, flags, stream & LAST_STREAM, data[start:at])
        self._rest = data[at:]


def head(length: int, kind: int, flags: int, stream: int) -> bytes:
    """The nine bytes before a payload."""
    return _HEAD.pack(length >> 8, length & 0xFF, kind, flags, stream)


def headers_frame(stream: int, block: bytes, *, end: bool) -> bytes:
    """A whole header block; ours fit into one frame."""
    return head(len(block), Kind.HEADERS, END_HEADERS | (END_STREAM if end else 0), stream) + block


def settings_frame(settings: Sequence[tuple[Setting, int]]) -> bytes:
    """Our settings."""
    payload = b"".join(_SETTING.pack(name, value) for name, value in settings)
    return head(len(payload), Kind.SETTINGS, 0, 0) + payload


def read_settings(payload: bytes) -> Iterator[tuple[int, int]]:
    """Pairs of name and value."""
    return _SETTING.iter_unpack(payload)


SETTINGS_ACK = head(0, Kind.SETTINGS, ACK, 0)


def ping_frame(payload: bytes, *, ack: bool) -> bytes:
    """Eight bytes that come back."""
    return head(8, Kind.PING, ACK if ack else 0, 0) + payload


def goaway_frame(last: int, code: Code, message: str) -> bytes:
    """We take no stream above `last`."""
    said = message.encode()
    return head(8 + len(said), Kind.GOAWAY, 0, 0) + _WORD.pack(last) + _WORD.pack(code) + said


def reset_frame(stream: int, code: Code) -> bytes:
    """A stream ends here."""
    return head(4, Kind.RST_STREAM, 0, stream) + _WORD.pack(code)


def window_frame(stream: int, size: int) -> bytes:
    """The peer may send so many bytes more; stream 0 is the connection."""
    return head(4, Kind.WINDOW_UPDATE, 0, stream) + _WORD.pack(size)


def number(payload: bytes) -> int:
    """The first four bytes, less the highest bit: a stream, an increment or a code."""
    return _WORD.unpack_from(payload)[0] & LAST_STREAM


def unpadded(frame: Frame) -> bytes:
    """The payload without padding. Raises ConnectionFault where there is more padding than frame."""
    if not frame.flags & PADDED:
        return frame.payload
    if not frame.payload or frame.payload[0] >= len(frame.payload):
        raise ConnectionFault(Code.PROTOCOL_ERROR, "more padding than frame")
    return frame.payload[1 : len(frame.payload) - frame.payload[0]]
