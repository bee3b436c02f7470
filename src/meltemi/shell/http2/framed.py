"""Messages as DATA frames; a small one is framed once for all streams that are sent it.

Place:  shell/http2 · message → [framed] → protocol, which writes pieces as windows and sockets let it

Nearly always it is the same stream number with all proxies, for each opens its streams in the same order: the bytes
with their frames are shared, and nothing is made for a stream. Of a large message pieces are made when they are
written: to keep it twice would cost more memory than making them costs time.
"""

from collections.abc import Callable

from meltemi.core.xds.recent import Recent
from meltemi.shell.http2.frames import Kind, head

PIECE = 64 << 10
"""Bytes that are written at a time: others have their turn between."""
_READ = 128 << 10
_MOST = 4 << 20
"""Bytes of framed messages that are kept for the next stream."""
Piece = bytes | memoryview


class Sending:
    """How far a stream has come with a message."""

    __slots__ = ("_at", "_prefix", "_shared", "_view", "left")

    def __init__(self, prefix: bytes, message: bytes, shared: "Shared") -> None:
        self._prefix = prefix
        self._view = memoryview(message)
        self._shared = shared
        self._at = 0
        self.left = len(prefix) + len(message)
        """Bytes that were not cut off yet."""

    def cut(self, room: int, stream: int, frame: int) -> tuple[bytes, int]:
        """The next piece to write, and what it takes of the windows.

        `room` is what they have, above 0; `frame` the bytes of a frame's payload at most.
        """
        size = min(room, PIECE, self.left)
        if not self._at and size == self.left:
            piece = self._shared.framed(self._view, stream, frame, lambda: self._make(size, stream, frame))
        else:
            piece = self._make(size, stream, frame)
        self.left -= size
        return piece, size

    def _make(self, size: int, stream: int, frame: int) -> bytes:
        parts: list[Piece] = []
        for at in range(0, size, frame):
            length = min(frame, size - at)
            parts += head(length, Kind.DATA, 0, stream), *self._next(length)
        return b"".join(parts)

    def _next(self, length: int) -> tuple[Piece, ...]:
        begin, self._at = self._at - len(self._prefix), self._at + length
        end = begin + length
        if begin >= 0:
            return (self._view[begin:end],)
        return self._prefix[begin : min(end, 0) or None], self._view[: max(end, 0)]


class Shared:
    """What the connections of one event loop share: framed messages that the next stream may need too."""

    def __init__(self) -> None:
        self.read = memoryview(bytearray(_READ))
        """What is read next, of whichever connection: it is taken before the next one is read."""
        self._known: Recent[tuple[int, int, int], tuple[memoryview, bytes]]
        """By the identity of the message, which is kept too, lest another gets it, and stream and frame size."""
        self._known = Recent(_MOST, lambda one: 2 * len(one[1]))

    def framed(self, message: memoryview, stream: int, frame: int, make: Callable[[], bytes]) -> bytes:
        """A whole message in its frames, made where it is not known."""
        return self._known.get((id(message.obj), stream, frame), lambda: (message, make()))[1]
