"""One call: its messages in and out, and how it ends.

Place:  shell/rpc · http2/exchange ⇄ [call] ⇄ a method of servers/xds or servers/ca
Source: gRPC, PROTOCOL-HTTP2
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Container
from typing import Any

import structlog

from meltemi.shell.http2.exchange import Exchange, Peer
from meltemi.shell.http2.headers import Request, block
from meltemi.shell.http2.waiting import Waiter
from meltemi.shell.rpc.kept import Kept
from meltemi.shell.rpc.messages import Messages, prefix
from meltemi.shell.rpc.status import Refused, Status, trailers

log: Any = structlog.get_logger(__name__)

Method = Callable[["Call"], Awaitable[None]]
"""Answers a call; raises Refused for any end but a good one."""
Hear = Callable[[bytes], None]

_BEGIN = block([(":status", "200"), ("content-type", "application/grpc")])
"""Sent before trailers too where nothing else is: one way for all ends."""
_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}


class Call:
    """As a method sees it; to the connection it is what receives a stream."""

    def __init__(
        self, exchange: Exchange, request: Request, peer: Peer, method: Method, *, largest: int, kept: Kept
    ) -> None:
        """`largest`: bytes of a message from the caller; `kept`: is told how much waits. Begins at once."""
        self.metadata = request.headers
        self.certificate = peer.certificate
        """DER of the caller's certificate, which the connection has verified; None where there was none."""
        self._exchange = exchange
        self._messages = Messages(largest)
        self._unread: deque[bytes] = deque()
        self._waiting = 0
        """Bytes of these."""
        self._owed = 0
        """Bytes that wait to be read: the peer may not send as many again before."""
        self._kept = kept
        self._keeps = 0
        """What it was told last."""
        self._read = False
        """Whether somebody reads: before that the peer may send little, and is not told to send more."""
        self._hear: Hear | None = None
        self._whole = False
        self._begun = False
        self._ended = False
        self._waiter = Waiter()
        loop = asyncio.get_running_loop()
        self._deadline = _later(loop, request.header("grpc-timeout"), self._expire)
        # Not of a TaskGroup: it begins in a callback, ends with its stream, and the connection waits for nobody.
        self.task = loop.create_task(self._run(method))

    # === for the method ===

    def said(self, name: str) -> str:
        """A value of the metadata; empty where there is none."""
        return next((value for key, value in self.metadata if key == name), "")

    async def read(self) -> bytes | None:
        """The next message; None when the caller has no more."""
        self._listen()
        while not self._unread:
            if self._whole:
                return None
            await self._waiter.wait()
        message = self._unread.popleft()
        self._waiting -= len(message)
        self._note()
        if not self._unread:
            self._take_owed()
        return message

    async def each(self, hear: Hear) -> None:
        """Give every message to `hear`, when it comes; returns when the caller has no more."""
        self._listen()
        while (self._unread or self._whole) and (message := await self.read()) is not None:
            hear(message)
        self._hear = hear
        while not self._whole:
            await self._waiter.wait()

    @property
    def ready(self) -> bool:
        """Whether a message would be taken now: by the windows and the socket."""
        return self._exchange.ready

    def listen(self, then: Callable[[], None]) -> None:
        """Call `then` whenever `ready` may have changed."""
        self._exchange.listen(then)

    def post(self, message: bytes) -> None:
        """Send a message, of one who is `ready`."""
        self._begin()
        self._exchange.post(prefix(message), message)

    def fail(self, problem: Exception) -> None:
        """What reads (`read`, `each`) fails with it."""
        self._waiter.fail(problem)

    async def write(self, message: bytes) -> None:
        """Send a message; returns when the socket has all of it."""
        self._begin()
        await self._exchange.send(prefix(message), message)

    # === from the connection ===

    def on_data(self, data: bytes) -> None:
        """A piece of the body."""
        if self._ended:
            return
        try:
            for message in self._messages.read(data):
                self._deliver(message)
        except Refused as why:
            self._break_off(why.status, why.message)
            return
        except Exception as problem:
            self.fail(problem)  # what hears messages failed: the method fails with it
            return
        self._owed += len(data)
        if self._read and not self._unread:
            self._take_owed()
        self._note()

    def on_end(self) -> None:
        """The caller has no more to say."""
        if self._messages.begun:
            self._break_off(Status.INTERNAL, "the last message is not whole")
        self._whole = True
        self._waiter.wake()

    def on_reset(self) -> None:
        """The stream is no more."""
        self._ended = True
        self._forget()
        self.task.cancel()

    # === from kept ===

    def too_much(self, message: str) -> None:
        """More is kept of callers than may be, and of this one most."""
        self._break_off(Status.RESOURCE_EXHAUSTED, message)

    # === within ===

    def _listen(self) -> None:
        if self._read:
            return
        self._read = True
        self._exchange.read()
        if not self._unread:
            self._take_owed()

    def _take_owed(self) -> None:
        owed, self._owed = self._owed, 0
        self._exchange.took(owed)

    def _note(self) -> None:
        keeps = self._messages.begun + self._waiting
        if keeps != self._keeps:
            more, self._keeps = keeps - self._keeps, keeps
            self._kept.note(self, more)

    def _forget(self) -> None:
        """Nobody reads any more what has come."""
        self._messages.forget()
        self._unread.clear()
        self._waiting = 0
        self._note()

    def _break_off(self, status: Status, message: str) -> None:
        self._end(status, message)
        self.task.cancel()

    async def _run(self, method: Method) -> None:
        try:
            await method(self)
        except Refused as why:
            self._end(why.status, why.message)
        except Exception as problem:  # a fault of ours in one call must not end the others
            log.exception("a call failed", exc_info=problem)
            self._end(Status.UNKNOWN, f"the server failed: {type(problem).__name__}")
        else:
            self._end(Status.OK, "")
        finally:
            if self._deadline is not None:
                self._deadline.cancel()
            self._end(Status.CANCELLED, "")

    def _end(self, status: Status, message: str) -> None:
        if self._ended:
            return
        self._ended = True
        self._forget()
        self._begin()
        self._exchange.end(block(trailers(status, message)))

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._exchange.headers(_BEGIN)

    def _expire(self) -> None:
        self._break_off(Status.DEADLINE_EXCEEDED, "the caller's time is over")

    def _deliver(self, message: bytes) -> None:
        if self._hear is not None:
            self._hear(message)
        else:
            self._unread.append(message)
            self._waiting += len(message)
            self._waiter.wake()


class Answered:
    """To the connection, who receives what needs no call: a stream that is answered already."""

    def __init__(self, exchange: Exchange, answer: int | Refused) -> None:
        """`answer`: HTTP's status for what is no gRPC, and gRPC's otherwise."""
        if isinstance(answer, Refused):
            exchange.headers(_BEGIN)
            exchange.end(block(trailers(answer.status, answer.message)))
        else:
            exchange.end(block([(":status", str(answer))]))

    def on_data(self, data: bytes) -> None:
        """Of no interest."""

    def on_end(self) -> None:
        """Of no interest."""

    def on_reset(self) -> None:
        """Of no interest."""


def refusal(request: Request, methods: Container[str]) -> int | Refused | None:
    """What is answered to what is no call of one of these methods; None for one that is."""
    if request.method != "POST":
        return 405
    if not request.header("content-type").startswith("application/grpc"):
        return 415
    if request.path not in methods:
        return Refused(Status.UNIMPLEMENTED, f"there is no method {request.path[:200]!r}")
    if request.header("grpc-encoding") not in ("", "identity"):
        return Refused(Status.UNIMPLEMENTED, "compressed messages are not read: 'identity' is accepted only")
    return None


def _later(loop: asyncio.AbstractEventLoop, timeout: str, then: Callable[[], None]) -> asyncio.TimerHandle | None:
    """At the end of a caller's time: up to eight digits and a unit."""
    digits, unit = timeout[:-1], _UNITS.get(timeout[-1:])
    if unit is None or not (digits.isascii() and digits.isdigit() and len(digits) <= 8):
        return None
    return loop.call_later(int(digits) * unit, then)
