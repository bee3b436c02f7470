"""SPDY/3.1 as API servers speak it to kubelets: bytes ↔ frames, without I/O.

Place:  runtime/kubelet_api · session
Source: SPDY Protocol, draft 3.1; moby/spdystream, which does without flow control (WINDOW_UPDATE is passed over)

The API server opens the streams, we answer them. Both directions compress headers in one zlib stream each.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from meltemi.core.model.value import Value
from meltemi.shell.runtime.kubelet_api.spdy_dictionary import DICTIONARY

VERSION = 3
SYN_STREAM, SYN_REPLY, RST_STREAM, PING, GOAWAY = 1, 2, 3, 6, 7
FIN = 1
LARGEST = 1 << 20
"""Bytes of one frame that are taken; spdystream sends no more than 64 KiB."""
_PIECE = 32 << 10
"""Bytes of a data frame that is sent."""


class SpdyError(Exception):
    """The other end does not speak SPDY/3.1."""


class Opened(Value, frozen=True, kw_only=True):
    """A stream is opened. Names of headers are in lower case."""

    stream: int
    headers: tuple[tuple[str, str], ...]
    fin: bool = False


class Data(Value, frozen=True, kw_only=True):
    """Bytes of a stream; with `fin` its last ones."""

    stream: int
    data: bytes
    fin: bool = False


class Reset(Value, frozen=True, kw_only=True):
    """A stream is given up."""

    stream: int


class Ping(Value, frozen=True, kw_only=True):
    """To be sent back as it is."""

    number: int


Frame: TypeAlias = Opened | Data | Reset | Ping


class Codec:
    """Both directions of one connection."""

    def __init__(self) -> None:
        self._buffer = b""
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def receive(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole with these bytes. Raises SpdyError."""
        self._buffer += data
        while len(self._buffer) >= 8:
            head, size = struct.unpack(">II", self._buffer[:8])
            flags, size = size >> 24, size & 0xFFFFFF
            if size > LARGEST:
                raise SpdyError(f"a frame of {size} bytes")
            if len(self._buffer) < 8 + size:
                return
            body, self._buffer = self._buffer[8 : 8 + size], self._buffer[8 + size :]
            yield from self._frame(head, flags, body)

    def _frame(self, head: int, flags: int, body: bytes) -> Iterator[Frame]:
        fin = bool(flags & FIN)
        if not head >> 31:
            yield Data(stream=head, data=body, fin=fin)
            return
        if head >> 16 & 0x7FFF != VERSION:
            raise SpdyError(f"SPDY of version {head >> 16 & 0x7FFF}")
        try:
            match head & 0xFFFF:
                case 1:
                    (stream,) = struct.unpack(">I", body[:4])
                    yield Opened(stream=stream & 0x7FFFFFFF, headers=self._headers(body[10:]), fin=fin)
                case 3:
                    yield Reset(stream=struct.unpack(">I", body[:4])[0] & 0x7FFFFFFF)
                case 6:
                    yield Ping(number=struct.unpack(">I", body[:4])[0])
                case 8:
                    self._headers(body[4:])  # nobody needs them, but the next ones are compressed against them
                case _:
                    return
        except (struct.error, zlib.error, UnicodeDecodeError) as problem:
            raise SpdyError(f"a frame cannot be read: {problem}") from problem

    def _headers(self, block: bytes) -> tuple[tuple[str, str], ...]:
        text = self._inflate.decompress(block, LARGEST)
        (count,) = struct.unpack(">I", text[:4])
        words: list[str] = []
        at = 4
        for _ in range(2 * count):
            (size,) = struct.unpack(">I", text[at : at + 4])
            words.append(text[at + 4 : at + 4 + size].decode())
            at += 4 + size
        return tuple((name.lower(), value) for name, value in zip(words[::2], words[1::2], strict=True))

    def reply(self, stream: int, headers: Mapping[str, str] | None = None) -> bytes:
        """A stream is taken."""
        pairs = (headers or {}).items()
        text = struct.pack(">I", len(pairs)) + b"".join(_word(name) + _word(value) for name, value in pairs)
        block = self._deflate.compress(text) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return _control(SYN_REPLY, struct.pack(">I", stream) + block)


def encode_data(stream: int, data: bytes, *, fin: bool = False) -> bytes:
    """Bytes of a stream, in frames of a bearable size; with `fin` its last ones."""
    pieces = [data[i : i + _PIECE] for i in range(0, len(data), _PIECE)] or [b""]
    return b"".join(
        struct.pack(">II", stream, (FIN << 24 if fin and i == len(pieces) - 1 else 0) | len(piece)) + piece
        for i, piece in enumerate(pieces)
    )


def encode_reset(stream: int) -> bytes:
    """A stream is given up (status CANCEL)."""
    return _control(RST_STREAM, struct.pack(">II", stream, 5))


def encode_ping(number: int) -> bytes:
    """The answer to a ping."""
    return _control(PING, struct.pack(">I", number))


def _control(kind: int, body: bytes) -> bytes:
    return struct.pack(">HHI", 0x8000 | VERSION, kind, len(body)) + body


def _word(text: str) -> bytes:
    return struct.pack(">I", len(text)) + text.encode()
