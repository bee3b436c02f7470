"""Frames of a WebSocket, for both ends.

Place:  samples/websockets · bytes ↔ frames, used by __main__
Source: RFC 6455, sections 4.2.2 and 5.2. Messages in several frames are not joined: the sample sends none.
"""

import hashlib
from base64 import b64encode
from io import BufferedIOBase
from typing import NamedTuple

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
LONGEST = 64 * 1024
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Frame(NamedTuple):
    """One frame: what it is, and what it carries."""

    kind: int
    body: bytes


def accept_key(key: str) -> str:
    """The answer to `Sec-WebSocket-Key`."""
    return b64encode(hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()).decode()


def read(source: BufferedIOBase) -> Frame | None:
    """The next frame; None at the end. Raises ValueError where one is too long."""
    head = source.read(2)
    if len(head) < 2:
        return None
    size, masked = head[1] & 0x7F, bool(head[1] & 0x80)
    if size > 125:
        size = int.from_bytes(source.read(2 if size == 126 else 8))
    if size > LONGEST:
        raise ValueError(f"a frame of {size} bytes")
    mask = source.read(4) if masked else b""
    return Frame(head[0] & 0x0F, _masked(source.read(size), mask))


def written(frame: Frame, mask: bytes = b"") -> bytes:
    """A whole message as one frame; clients must give a mask of four bytes."""
    size = len(frame.body)
    short = size if size <= 125 else 126
    longer = b"" if size <= 125 else size.to_bytes(2)
    head = bytes([0x80 | frame.kind, short | (0x80 if mask else 0)])
    return head + longer + mask + _masked(frame.body, mask)


def _masked(body: bytes, mask: bytes) -> bytes:
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(body)) if mask else body
