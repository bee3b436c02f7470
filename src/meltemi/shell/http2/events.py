"""What a connection tells of what its peer has sent.

Place:  shell/http2 · connection → [events] → protocol
"""

from typing import NamedTuple

from meltemi.shell.http2.frames import Code
from meltemi.shell.http2.headers import Request


class Opened(NamedTuple):
    """A request has begun."""

    stream: int
    request: Request


class Data(NamedTuple):
    """A piece of a request's body."""

    stream: int
    data: bytes


class Ended(NamedTuple):
    """A request is whole."""

    stream: int


class Reset(NamedTuple):
    """A stream is no more, by the peer or because it broke a rule: nothing may be sent on it."""

    stream: int
    code: int


class Roomier(NamedTuple):
    """More may be sent: on a stream, or where it is 0, on all."""

    stream: int


class Closed(NamedTuple):
    """The peer broke a rule, and the connection is to be closed when what is to be written is written."""

    code: Code
    message: str


Event = Opened | Data | Ended | Reset | Roomier | Closed
