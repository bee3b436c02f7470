"""A message in pieces: whatever the windows are, the other side puts it together again."""

from collections.abc import Iterator

import hypothesis.strategies as st
from hypothesis import given

from meltemi.shell.http2.framed import PIECE, Sending, Shared
from meltemi.shell.http2.frames import HEAD, Kind

ROOMS = st.lists(st.one_of(st.integers(1, 70), st.integers(1, 200_000)), min_size=1, max_size=30)


@given(st.binary(max_size=5), st.integers(0, 200_000), ROOMS, st.sampled_from((16_384, 65_536)))
def test_any_windows(prefix: bytes, size: int, rooms: list[int], frame: int):
    message = bytes(at % 251 for at in range(size % 997)) * (size // 997 + 1)
    if not prefix + message:
        return
    sending, got, at = Sending(prefix, message, Shared()), b"", 0
    while sending.left:
        room, at = rooms[at % len(rooms)], at + 1
        if at > 2_000:
            room = 1 << 30
        piece, taken = sending.cut(room, 7, frame)
        assert 0 < taken <= min(room, PIECE)
        frames = list(_frames(piece))
        assert all((kind, flags, stream) == (Kind.DATA, 0, 7) for kind, flags, stream, _ in frames)
        assert all(0 < len(payload) <= frame for *_, payload in frames)
        payload = b"".join(payload for *_, payload in frames)
        assert len(payload) == taken
        got += payload
    assert got == prefix + message


def test_a_message_is_framed_once_for_all_streams_of_a_number():
    shared, message = Shared(), b"m" * 40_000
    pieces = [Sending(b"12345", message, shared).cut(1 << 20, stream, 16_384)[0] for stream in (1, 1, 3)]
    assert pieces[0] is pieces[1]
    assert pieces[0] != pieces[2]
    equal = Sending(b"12345", bytes(bytearray(message)), shared).cut(1 << 20, 1, 16_384)[0]
    assert equal == pieces[0]


def test_frames_of_another_size_are_other_frames():
    shared, message = Shared(), b"m" * 40_000
    for frame in (16_384, 65_536):
        piece, _ = Sending(b"", message, shared).cut(1 << 20, 1, frame)
        assert len(piece) == 40_000 + HEAD * -(-40_000 // frame)


def _frames(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """As a peer that takes frames of any size."""
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 3])
        yield data[at + 3], data[at + 4], int.from_bytes(data[at + 5 : at + 9]), data[at + 9 : at + 9 + length]
        at += 9 + length
