"""The bytes of DNS messages, as far as a resolver of cluster names needs them.

Place:  node · a datagram → [dns_wire] → Query → dns_answer → [dns_wire] → a datagram
API:    RFC 1035; RFC 2782 (SRV); RFC 6891 (only the size of datagrams is read)

Written by hand because every pod's PID 1 answers names: a DNS library would cost each of them 5 MB.
"""

import struct
from collections.abc import Iterator, Sequence
from enum import IntEnum
from ipaddress import IPv4Address

from meltemi.core.model.value import Value

HEADER = struct.Struct("!6H")
TTL = 5
"""Seconds; Kubernetes' own DNS says 5 for Services too."""
PLAIN_SIZE = 512
"""Largest datagram for who says nothing about it."""
LARGEST_SIZE = 4096

RESPONSE, AUTHORITATIVE, TRUNCATED, RECURSION_DESIRED, RECURSION = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080
_OPCODE = 0x7800


class Type(IntEnum):
    """Record types that are spoken of."""

    A = 1
    CNAME = 5
    PTR = 12
    AAAA = 28
    SRV = 33
    OPT = 41
    ANY = 255


class Code(IntEnum):
    """Response codes."""

    OK = 0
    FORMAT = 1
    FAILED = 2
    NO_SUCH_NAME = 3
    NOT_IMPLEMENTED = 4


class Query(Value, frozen=True, kw_only=True):
    """One question."""

    id: int
    flags: int
    name: str
    """Lower case, without the last dot."""
    type: int
    question: bytes
    """As asked; an answer repeats it byte by byte."""
    size: int = PLAIN_SIZE
    """Largest datagram that the asker takes."""


class Record(Value, frozen=True, kw_only=True):
    """One resource record of class IN."""

    name: str
    type: int
    data: bytes
    ttl: int = TTL


class MalformedError(ValueError):
    """The bytes are no DNS query."""


def parse_query(message: bytes) -> Query:
    """Read a query with exactly one question. Raises MalformedError."""
    try:
        number, flags, questions, answers, _, additional = HEADER.unpack_from(message)
        if flags & (RESPONSE | _OPCODE) or questions != 1 or answers:
            raise MalformedError("not a plain query")
        name, end = read_name(message, HEADER.size)
        (kind, _) = struct.unpack_from("!HH", message, end)
    except (struct.error, IndexError) as fault:
        raise MalformedError("cut off") from fault
    end += 4
    size = _datagram_size(message, end) if additional else PLAIN_SIZE
    question = message[HEADER.size : end]
    return Query(id=number, flags=flags, name=name.lower(), type=kind, question=question, size=size)


def _datagram_size(message: bytes, at: int) -> int:
    if len(message) < at + 5 or message[at] != 0:
        return PLAIN_SIZE
    kind, size = struct.unpack_from("!HH", message, at + 1)
    return min(max(size, PLAIN_SIZE), LARGEST_SIZE) if kind == Type.OPT else PLAIN_SIZE


def response(query: Query, code: Code, records: Sequence[Record] = (), *, size: int, own: bool = True) -> bytes:
    """An answer of at most `size` bytes; what does not fit is left out, and the answer says so.

    `own`: we are the authority for the name.
    """
    flags = RESPONSE | RECURSION | (query.flags & RECURSION_DESIRED) | (AUTHORITATIVE if own else 0) | code
    body = b""
    count = 0
    room = size - HEADER.size - len(query.question)
    for record in records:
        piece = _record(query, record)
        if len(body) + len(piece) > room:
            flags |= TRUNCATED
            break
        body += piece
        count += 1
    return HEADER.pack(query.id, flags, 1, count, 0, 0) + query.question + body


def _record(query: Query, record: Record) -> bytes:
    # 0xC00C points at the question's name, right behind the header.
    name = b"\xc0\x0c" if record.name == query.name else write_name(record.name)
    return name + struct.pack("!HHIH", record.type, 1, record.ttl, len(record.data)) + record.data


def ask(number: int, name: str, kind: int) -> bytes:
    """A query of our own."""
    return HEADER.pack(number, RECURSION_DESIRED, 1, 0, 0, 0) + write_name(name) + struct.pack("!HH", kind, 1)


def answers(message: bytes) -> tuple[Record, ...]:
    """The answer section of a response, names inside data written out. Raises MalformedError."""
    try:
        return tuple(_answers(message))
    except (struct.error, IndexError) as fault:
        raise MalformedError("cut off") from fault


def _answers(message: bytes) -> Iterator[Record]:
    _, _, questions, count, _, _ = HEADER.unpack_from(message)
    at = HEADER.size
    for _ in range(questions):
        at = read_name(message, at)[1] + 4
    for _ in range(count):
        name, at = read_name(message, at)
        kind, _, ttl, length = struct.unpack_from("!HHIH", message, at)
        at += 10
        data = message[at : at + length]
        if kind == Type.CNAME:
            data = write_name(read_name(message, at)[0])
        at += length
        yield Record(name=name.lower(), type=kind, ttl=ttl, data=data)


def read_name(message: bytes, at: int) -> tuple[str, int]:
    """A name and the place behind it. Raises MalformedError, IndexError."""
    labels: list[str] = []
    end = 0
    for _ in range(128):
        length = message[at]
        if length >= 0xC0:
            end = end or at + 2
            at = (length & 0x3F) << 8 | message[at + 1]
        elif length:
            labels.append(message[at + 1 : at + 1 + length].decode("latin-1"))
            at += 1 + length
        else:
            return ".".join(labels), end or at + 1
    raise MalformedError("a name without an end")


def write_name(name: str) -> bytes:
    """A name's bytes, without compression. Raises MalformedError for labels that do not fit."""
    parts = [label.encode("latin-1") for label in name.split(".") if label]
    if any(len(label) > 63 for label in parts):
        raise MalformedError("a label of more than 63 bytes")
    return b"".join(bytes((len(label),)) + label for label in parts) + b"\0"


def address(name: str, ip: str) -> Record:
    """An A record."""
    return Record(name=name, type=Type.A, data=IPv4Address(ip).packed)


def alias(name: str, target: str) -> Record:
    """A CNAME record."""
    return Record(name=name, type=Type.CNAME, data=write_name(target))


def pointer(name: str, target: str) -> Record:
    """A PTR record."""
    return Record(name=name, type=Type.PTR, data=write_name(target))


def service(name: str, port: int, host: str) -> Record:
    """An SRV record; all hosts are equally good."""
    return Record(name=name, type=Type.SRV, data=struct.pack("!3H", 0, 100, port) + write_name(host))
