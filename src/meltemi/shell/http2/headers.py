"""Header blocks: what a request says, checked; what we answer, as constant bytes.

Place:  shell/http2 · connection → [headers]
Source: RFC 9113, 8.1 to 8.3; RFC 7541
"""

from collections.abc import Sequence

import hpack

from meltemi.core.model.value import Value
from meltemi.shell.http2.frames import Code, ConnectionFault, StreamFault

Pairs = Sequence[tuple[str, str]]

_PSEUDO = frozenset((":method", ":scheme", ":path", ":authority"))
_NEEDED = frozenset((":method", ":scheme", ":path"))
_OF_CONNECTIONS = frozenset(("connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"))


class Request(Value, frozen=True, kw_only=True):
    """What a stream begins with."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    """Without pseudo-headers, in the order sent."""
    length: int | None = None
    """Bytes of the body, where it is said."""

    def header(self, name: str) -> str:
        """The first of a name; empty where there is none."""
        return next((value for key, value in self.headers if key == name), "")


class Decoder:
    """HPACK for one direction of one connection."""

    def __init__(self, most: int) -> None:
        self._decoder = hpack.Decoder(max_header_list_size=most)

    def decode(self, block: bytes) -> Pairs:
        """Raises ConnectionFault: after a block that cannot be read, none can."""
        try:
            return [(str(name), str(value)) for name, value in self._decoder.decode(block)]
        except hpack.OversizedHeaderListError as problem:
            raise ConnectionFault(Code.ENHANCE_YOUR_CALM, "too many headers") from problem
        except hpack.HPACKError as problem:
            raise ConnectionFault(Code.COMPRESSION_ERROR, "a header block cannot be read") from problem


def request(stream: int, pairs: Pairs) -> Request:
    """Raises StreamFault for what is no request."""
    pseudo: dict[str, str] = {}
    rest: list[tuple[str, str]] = []
    for name, value in pairs:
        if not name.startswith(":"):
            rest.append((_field(stream, name, value), value))
        elif rest or name not in _PSEUDO or name in pseudo:
            raise StreamFault(Code.PROTOCOL_ERROR, stream)
        else:
            pseudo[name] = value
    if not pseudo.keys() >= _NEEDED or not pseudo[":path"]:
        raise StreamFault(Code.PROTOCOL_ERROR, stream)
    lengths = {value for name, value in rest if name == "content-length"}
    return Request(method=pseudo[":method"], path=pseudo[":path"], headers=tuple(rest), length=_length(stream, lengths))


def check_trailers(stream: int, pairs: Pairs) -> None:
    """Raises StreamFault for a pseudo-header, and for what no header may be."""
    for name, value in pairs:
        _field(stream, name, value)


def block(pairs: Pairs) -> bytes:
    """A block that any decoder reads, whatever came before: literals only (RFC 7541, 6.2.2)."""
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in pairs)


def _field(stream: int, name: str, value: str) -> str:
    wrong = name != name.lower() or name.startswith(":") or not name or name in _OF_CONNECTIONS
    if wrong or (name == "te" and value != "trailers"):
        raise StreamFault(Code.PROTOCOL_ERROR, stream)
    return name


def _length(stream: int, said: set[str]) -> int | None:
    if not said:
        return None
    one = said.pop()
    if said or not (one.isascii() and one.isdigit() and len(one) < 20):
        raise StreamFault(Code.PROTOCOL_ERROR, stream)
    return int(one)


def _text(text: str) -> bytes:
    """A string without Huffman's code (RFC 7541, 5.2)."""
    data = text.encode()
    return _number(len(data), 0x7F) + data


def _number(value: int, prefix: int) -> bytes:
    """RFC 7541, 5.1."""
    if value < prefix:
        return bytes((value,))
    encoded = bytearray((prefix,))
    value -= prefix
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
