"""The wire format of protobuf, for the few messages that every agent speaks.

Place:  shell · under identity_wire and agent/sds_wire
Source: protobuf.dev, "Encoding"

The library itself takes 0.16 s of processor time to import, and 10 MB: in each pod, for messages of three fields.
"""

from collections.abc import Iterable

Fields = dict[int, list[bytes | int]]
"""Field number → its values in order: bytes for texts and messages, whole numbers for varints."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def write(number: int, value: bytes | str) -> bytes:
    """A field of bytes, text, or a message; nothing where it is empty (proto3)."""
    data = value.encode() if isinstance(value, str) else value
    return message(number, data) if data else b""


def message(number: int, data: bytes) -> bytes:
    """A field that is there also where it is empty: a message, or an item of a list."""
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def messages(number: int, values: Iterable[bytes | str]) -> bytes:
    """A list of texts, bytes or messages."""
    return b"".join(message(number, v.encode() if isinstance(v, str) else v) for v in values)


def write_number(number: int, value: int) -> bytes:
    """An int64 or the like; nothing for 0."""
    return _varint(number << 3 | _VARINT) + _varint(value & (1 << 64) - 1) if value else b""


def read(data: bytes) -> Fields:
    """All fields of a message. Raises ValueError."""
    found: Fields = {}
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        value, at = _value(data, at, tag & 7)
        found.setdefault(tag >> 3, []).append(value)
    return found


def text(fields: Fields, number: int) -> str:
    """The last value of a text; empty where there is none. Raises ValueError."""
    return texts(fields, number)[-1] if number in fields else ""


def texts(fields: Fields, number: int) -> tuple[str, ...]:
    """All values of a text. Raises ValueError."""
    return tuple(one.decode() for one in parts(fields, number))


def parts(fields: Fields, number: int) -> tuple[bytes, ...]:
    """All values of bytes or a message. Raises ValueError."""
    listed = fields.get(number, [])
    if any(isinstance(one, int) for one in listed):
        raise ValueError(f"field {number} is a number where a text is meant")
    return tuple(one for one in listed if isinstance(one, bytes))


def number(fields: Fields, which: int) -> int:
    """The last value of an int64; 0 where there is none. Raises ValueError."""
    value = fields.get(which, [0])[-1]
    if not isinstance(value, int):
        raise ValueError(f"field {which} is a text where a number is meant")
    return value - (1 << 64) if value >> 63 else value


def _value(data: bytes, at: int, kind: int) -> tuple[bytes | int, int]:
    if kind == _VARINT:
        return _read_varint(data, at)
    length = {_FIXED64: 8, _FIXED32: 4}.get(kind)
    if kind == _BYTES:
        length, at = _read_varint(data, at)
    if length is None or at + length > len(data):
        raise ValueError("the message is cut off, or is none")
    return data[at : at + length], at + length


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value & (1 << 64) - 1, at
    raise ValueError("the message is cut off, or is none")
