"""The streams of a connection: which are open, and how much may be sent on each.

Place:  shell/http2 · connection → [streams]
Source: RFC 9113, 5.1, 5.2 and 6.9
"""

from collections import OrderedDict

from meltemi.shell.http2.frames import FIRST_WINDOW, LARGEST_WINDOW, Code, ConnectionFault, StreamFault
from meltemi.shell.http2.limits import Limits

_REMEMBERED = 100
"""Streams that have ended whose end is known still."""


class Stream:
    """What is known of an open stream."""

    __slots__ = ("answered", "expected", "inbound", "number", "outbound", "owed", "whole", "window")

    def __init__(self, number: int, inbound: int, outbound: int, expected: int | None) -> None:
        self.number = number
        self.inbound = inbound
        """Bytes that the peer may send."""
        self.outbound = outbound
        """Bytes that we may send; below 0 when the peer made its window smaller."""
        self.window = inbound
        """What that is at most."""
        self.owed = 0
        """Bytes that were taken and of which the peer was not told."""
        self.expected = expected
        """Bytes of the body that must come still, where that was said."""
        self.whole = False
        """Whether the peer has said all."""
        self.answered = False
        """Whether we have."""

    def receive(self, size: int, data: int, *, end: bool) -> None:
        """A DATA frame of a size, of which so much is data. Raises StreamFault."""
        self.inbound -= size
        if self.inbound < 0:
            raise StreamFault(Code.FLOW_CONTROL_ERROR, self.number)
        if self.expected is not None:
            self.expected -= data
            if self.expected < 0 or (end and self.expected):
                raise StreamFault(Code.PROTOCOL_ERROR, self.number)


class Streams:
    """Of one connection, and what they share."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: dict[int, Stream] = {}
        self._ended: OrderedDict[int, bool] = OrderedDict()
        """Streams that ended lately, and whether by our reset: what the peer sent before it knew is ignored then."""
        self._inbound = limits.connection_window
        self._owed = 0
        self._outbound = FIRST_WINDOW
        self._first_outbound = FIRST_WINDOW
        self.last = 0
        """The highest number that the peer has used."""

    def __len__(self) -> int:
        return len(self._open)

    def get(self, number: int) -> Stream | None:
        """An open one."""
        return self._open.get(number)

    def begin(self, number: int, expected: int | None) -> Stream:
        """`expected`: bytes of the body, where that is said. Raises StreamFault where there are too many."""
        if len(self._open) >= self._limits.streams:
            raise StreamFault(Code.REFUSED_STREAM, number)
        one = self._open[number] = Stream(number, self._limits.window, self._first_outbound, expected)
        return one

    def forget(self, number: int, *, by_us: bool) -> None:
        """It has ended, by our RST_STREAM or as the peer knows."""
        self._open.pop(number, None)
        self._ended[number] = by_us
        if len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)

    def clear(self) -> None:
        """All have ended, with the connection."""
        self._open.clear()

    def known(self, number: int) -> None:
        """Raises ConnectionFault for one that never was."""
        if number % 2 == 0 or number > self.last:
            raise ConnectionFault(Code.PROTOCOL_ERROR, f"stream {number} was never opened")

    def listening(self, number: int, *, headers: bool) -> Stream | None:
        """One on which the peer may send DATA or HEADERS; None where it is to be ignored, for we have reset the stream.

        Raises StreamFault, and for HEADERS ConnectionFault, for one that has ended.
        """
        one = self._open.get(number)
        if one is not None and not one.whole:
            return one
        if one is None and self._ended.get(number):
            return None
        if one is None and headers:
            code = Code.STREAM_CLOSED if number in self._ended else Code.PROTOCOL_ERROR
            raise ConnectionFault(code, f"a request on stream {number}, after {self.last}")
        raise StreamFault(Code.STREAM_CLOSED, number)

    # === windows ===

    def receive(self, size: int) -> int:
        """A DATA frame came, on whichever stream; by how much the connection's window is to be widened now."""
        self._inbound -= size
        if self._inbound < 0:
            raise ConnectionFault(Code.FLOW_CONTROL_ERROR, "more than the connection's window")
        self._owed += size
        if self._owed < self._limits.connection_window // 2:
            return 0
        more, self._owed = self._owed, 0
        self._inbound += more
        return more

    def took(self, number: int, size: int) -> int:
        """So many bytes of a stream were taken; by how much its window is to be widened now."""
        one = self._open.get(number)
        if one is None or one.whole:
            return 0
        one.owed += size
        if one.owed < one.window // 2:
            return 0
        more, one.owed = one.owed, 0
        one.inbound += more
        return more

    def open_wide(self, number: int) -> int:
        """Somebody reads a stream; by how much its window is to be widened now."""
        one = self._open.get(number)
        if one is None or one.whole:
            return 0
        more, one.window = self._limits.wide_window - one.window, self._limits.wide_window
        if more <= 0:
            return 0
        one.inbound += more
        return more

    def room(self, number: int) -> int:
        """Bytes of data that may be sent on a stream."""
        one = self._open.get(number)
        return max(0, min(one.outbound, self._outbound)) if one is not None else 0

    def spend(self, number: int, size: int) -> None:
        """So many bytes are sent, no more than there is room for."""
        self._open[number].outbound -= size
        self._outbound -= size

    def widen(self, number: int, more: int) -> bool:
        """The peer takes more, on a stream or on all (0); False where the stream has ended. Raises both faults."""
        if number == 0:
            self._outbound += more
            if not more or self._outbound > LARGEST_WINDOW:
                raise ConnectionFault(_wrong(more), f"WINDOW_UPDATE of {more}")
            return True
        self.known(number)
        one = self._open.get(number)
        if one is None:
            return False
        one.outbound += more
        if not more or one.outbound > LARGEST_WINDOW:
            raise StreamFault(_wrong(more), number)
        return True

    def resize(self, first: int) -> None:
        """The peer has set the window with which streams begin. Raises ConnectionFault."""
        more, self._first_outbound = first - self._first_outbound, first
        for one in self._open.values():
            one.outbound += more
        if first > LARGEST_WINDOW or any(one.outbound > LARGEST_WINDOW for one in self._open.values()):
            raise ConnectionFault(Code.FLOW_CONTROL_ERROR, "a window of more than 2^31-1")


def _wrong(more: int) -> Code:
    return Code.FLOW_CONTROL_ERROR if more else Code.PROTOCOL_ERROR
