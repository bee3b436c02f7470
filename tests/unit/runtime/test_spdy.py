"""SPDY frames as moby/spdystream writes them, whole and in pieces, and what is answered."""

import struct
import zlib

import pytest

from meltemi.shell.runtime.kubelet_api.spdy import (
    Codec,
    Data,
    Opened,
    Ping,
    Reset,
    SpdyError,
    encode_data,
    encode_ping,
    encode_reset,
)
from meltemi.shell.runtime.kubelet_api.spdy_dictionary import DICTIONARY


class Client:
    """The other end: opens streams."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)

    def open(self, stream: int, *, fin: bool = False, **headers: str) -> bytes:
        words = [word.encode() for pair in headers.items() for word in pair]
        text = struct.pack(">I", len(headers)) + b"".join(struct.pack(">I", len(word)) + word for word in words)
        block = self._deflate.compress(text) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        body = struct.pack(">IIH", stream, 0, 0) + block
        return struct.pack(">HHI", 0x8003, 1, (1 << 24 if fin else 0) | len(body)) + body

    def headers_of_reply(self, frame: bytes) -> tuple[int, bytes]:
        version, kind, _, stream = struct.unpack(">HHII", frame[:12])
        assert (version, kind) == (0x8003, 2)
        return stream, self._inflate.decompress(frame[12:])


def test_streams_and_their_data_in_any_pieces() -> None:
    client, codec = Client(), Codec()
    sent = client.open(1, Streamtype="error") + client.open(3, fin=True, Streamtype="stdin", port="80")
    sent += encode_data(1, b"some bytes") + encode_data(1, b"", fin=True)
    frames = [frame for i in range(len(sent)) for frame in codec.receive(sent[i : i + 1])]

    assert frames == [
        Opened(stream=1, headers=(("streamtype", "error"),)),
        Opened(stream=3, headers=(("streamtype", "stdin"), ("port", "80")), fin=True),
        Data(stream=1, data=b"some bytes"),
        Data(stream=1, data=b"", fin=True),
    ]


def test_replies_are_compressed_one_after_the_other() -> None:
    client, codec = Client(), Codec()

    assert client.headers_of_reply(codec.reply(1)) == (1, struct.pack(">I", 0))
    assert client.headers_of_reply(codec.reply(3, {"a": "b"})) == (3, b"\0\0\0\1\0\0\0\1a\0\0\0\1b")


def test_large_data_goes_in_several_frames_and_ends_once() -> None:
    data = bytes(100_000)
    frames = list(Codec().receive(encode_data(5, data, fin=True)))

    assert b"".join(frame.data for frame in frames if isinstance(frame, Data)) == data
    assert [frame.fin for frame in frames if isinstance(frame, Data)] == [False, False, False, True]


def test_pings_and_resets() -> None:
    assert list(Codec().receive(encode_ping(7) + encode_reset(3))) == [Ping(number=7), Reset(stream=3)]


def test_what_nobody_needs_is_passed_over() -> None:
    window = struct.pack(">HHIII", 0x8003, 9, 8, 1, 65536)
    goaway = struct.pack(">HHIII", 0x8003, 7, 8, 1, 0)

    assert list(Codec().receive(window + goaway)) == []


@pytest.mark.parametrize(
    "sent",
    [
        b"\x80\x02\x00\x01\x00\x00\x00\x0a" + bytes(10),
        b"\x80\x03\x00\x01\x00\x00\x00\x0a" + bytes(10),
        b"\x80\x03\x00\x01\x00\x00\x00\x0e" + bytes(10) + b"junk",
        b"\x00\x00\x00\x01\x00\xff\xff\xff",
        b"\x80\x03\x00\x03\x00\x00\x00\x01\x00",
    ],
    ids=["version", "no headers", "no zlib", "too large", "too short"],
)
def test_anything_else_is_refused(sent: bytes) -> None:
    with pytest.raises(SpdyError):
        list(Codec().receive(sent))
