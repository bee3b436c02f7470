"""gRPC's statuses, and how a call says that it did not go well.

Place:  shell/rpc · used by everybody who answers calls
Source: gRPC, "Status codes and their use in gRPC"; PROTOCOL-HTTP2, "Responses"
"""

from enum import IntEnum

_LONGEST = 4 << 10
"""Bytes of a message: headers have limits, ours and the peer's."""


class Status(IntEnum):
    """How a call ended."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


class Refused(Exception):  # noqa: N818  (an answer, which the caller is told; not a fault of ours)
    """The call ends with this status."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def trailers(status: Status, message: str) -> list[tuple[str, str]]:
    """What a response ends with."""
    said = [("grpc-message", percent_encoded(message))] if message else []
    return [("grpc-status", str(int(status))), *said]


def percent_encoded(message: str) -> str:
    """All but printable ASCII, and `%`, as `%XX` of UTF-8; cut where it is too long for a header."""
    said = ""
    for letter in message:
        plain = " " <= letter <= "~" and letter != "%"
        said += letter if plain else "".join(f"%{byte:02X}" for byte in letter.encode(errors="replace"))
        if len(said) > _LONGEST:
            return said[:_LONGEST].rpartition(" ")[0] or said[:_LONGEST].partition("%")[0]
    return said
