"""gRPC's messages within a body.

Place:  shell/rpc · pieces of a body → [messages] → call
Source: gRPC, PROTOCOL-HTTP2, "Length-Prefixed-Message"
"""

from collections.abc import Iterator
from struct import Struct

from meltemi.shell.rpc.status import Refused, Status

_PREFIX = Struct(">BL")


def prefix(message: bytes) -> bytes:
    """What stands before a message that is not compressed."""
    return _PREFIX.pack(0, len(message))


class Messages:
    """Puts messages together. What is kept is less than one of the largest size."""

    def __init__(self, largest: int) -> None:
        """`largest`: bytes of a message."""
        self._largest = largest
        self._rest = bytearray()

    @property
    def begun(self) -> int:
        """Bytes of a message that is not whole yet."""
        return len(self._rest)

    def forget(self) -> None:
        """No more is read: what has come of a message goes."""
        self._rest = bytearray()

    def read(self, data: bytes) -> Iterator[bytes]:
        """Messages that are whole now. Raises Refused for one that is too large or compressed."""
        if not self._rest and len(data) >= _PREFIX.size and self._length(data, 0) == len(data) - _PREFIX.size:
            yield data[_PREFIX.size :]
            return
        self._rest += data
        at = 0
        while len(self._rest) - at >= _PREFIX.size:
            end = at + _PREFIX.size + self._length(self._rest, at)
            if len(self._rest) < end:
                break
            with memoryview(self._rest) as view:  # copied once: they may be large
                message = bytes(view[at + _PREFIX.size : end])
            yield message
            at = end
        del self._rest[:at]

    def _length(self, data: bytes | bytearray, at: int) -> int:
        compressed, length = _PREFIX.unpack_from(data, at)
        if compressed:
            raise Refused(Status.UNIMPLEMENTED, "compressed messages are not read: 'identity' is accepted only")
        if length > self._largest:
            raise Refused(Status.RESOURCE_EXHAUSTED, f"a message of {length} bytes; {self._largest} are taken at most")
        return length
