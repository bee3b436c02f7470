"""One connection on its socket: what arrives goes to the machine, what is to be sent waits for its turn.

Place:  shell/http2 · asyncio's transport ⇄ [protocol] ⇄ connection; exchange for each stream
"""

import asyncio
import random
import ssl
from collections import deque
from typing import Any

import structlog

from meltemi.core.model.value import Value
from meltemi.shell.http2.connection import Connection
from meltemi.shell.http2.events import Closed, Data, Ended, Event, Opened, Reset, Roomier
from meltemi.shell.http2.exchange import Accept, Exchange, Receiver
from meltemi.shell.http2.framed import PIECE, Shared
from meltemi.shell.http2.limits import Limits

log: Any = structlog.get_logger(__name__)

_TURN = 4 * PIECE
"""Bytes after which a connection lets others have their turn."""
_MOST_UNREAD = 1 << 20
"""Bytes of answers that a peer may make us keep by asking and not reading: data waits for the socket, they do not."""


class Times(Value, frozen=True, kw_only=True):
    """Seconds."""

    greeting: float = 20
    """Until a peer has begun to speak HTTP/2."""
    silence: float = 30
    """After which a peer is asked whether it lives."""
    answer: float = 10
    """Within which it must say something then."""
    age: float | None = None
    """After which a connection takes no further streams."""
    grace: float = 10
    """That streams have to end then."""


class Http2Protocol(asyncio.BufferedProtocol):
    """The I/O of one connection."""

    def __init__(
        self, accept: Accept, limits: Limits, times: Times, shared: Shared, alive: set["Http2Protocol"]
    ) -> None:
        """It is in `alive` as long as there is a peer."""
        self._accept = accept
        self._times = times
        self._alive = alive
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._exchanges: dict[int, tuple[Exchange, Receiver]] = {}
        self._waiting: deque[Exchange] = deque()
        """With something to send, in the order of their turns."""
        self._turn: asyncio.Handle | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._age: asyncio.TimerHandle | None = None
        self._heard = 0.0
        self._asked = False
        self._leaving = False
        self.shared = shared
        self.connection = Connection(limits)
        self.paused = False
        """Whether the socket takes nothing now."""
        self.certificate: bytes | None = None
        """DER of the peer's, verified."""

    # === from asyncio ===

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has come; over TLS, it was let in."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  (of a stream socket; nothing else is listened on)
        self._transport = transport
        self._alive.add(self)
        transport.set_write_buffer_limits(high=PIECE, low=PIECE // 4)
        if secured := transport.get_extra_info("ssl_object"):
            if not _speaks_http2(secured):
                transport.abort()
                return
            self.certificate = secured.getpeercert(binary_form=True)
        self._heard = self._loop.time()
        self._watch = self._loop.call_later(self._times.greeting, self._look)
        if self._times.age is not None:
            # All at once would be a storm.
            age = self._times.age * random.uniform(0.9, 1.1)  # noqa: S311  (no secret)
            self._age = self._loop.call_later(age, self.leave)
        self.flush()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to read to."""
        del sizehint
        return self.shared.read

    def buffer_updated(self, nbytes: int) -> None:
        """The peer has said something."""
        self._heard, self._asked = self._loop.time(), False
        for event in self.connection.receive(bytes(self.shared.read[:nbytes]), self._heard):
            self._on_event(event)
        self.flush()

    def eof_received(self) -> bool:
        """The peer sends nothing any more: it does not live without its side of the windows."""
        return False

    def pause_writing(self) -> None:
        """The socket is full."""
        self.paused = True

    def resume_writing(self) -> None:
        """The socket takes something again."""
        self.paused = False
        self._pump()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone."""
        del exc
        for timer in (self._watch, self._age, self._turn):
            if timer is not None:
                timer.cancel()
        self._drop()
        self._alive.discard(self)

    # === from exchanges ===

    def flush(self) -> None:
        """Write what the connection has to say beside data."""
        out = self.connection.take()
        if not out or self._transport is None:
            return
        self._transport.write(out)
        if self._transport.get_write_buffer_size() > _MOST_UNREAD:
            log.warning("a peer asks and does not read")
            self._transport.abort()

    def data(self, exchange: Exchange) -> None:
        """The exchange has something to send."""
        self._waiting.append(exchange)
        if self._turn is None:
            self._pump()

    def done(self, exchange: Exchange) -> None:
        """Its answer is complete."""
        self._exchanges.pop(exchange.stream, None)
        self.flush()
        if self._leaving and not self._exchanges:
            self._close()

    # === ends ===

    def leave(self) -> None:
        """Take no further streams, and close when those that are open have ended, or the grace is over."""
        if self._leaving or self._transport is None:
            return
        self._leaving = True
        self.connection.announce_leaving()
        self.flush()
        self._age = self._loop.call_later(self._times.grace, self._close)

    def stop(self) -> None:
        """Close now. What was written is sent still."""
        if not self.connection.closed:
            self.connection.go_away()
        self._close()

    def _close(self) -> None:
        """What was written is sent still; who does not read it is noticed as everybody is who is silent."""
        self._drop()
        self.flush()
        if self._transport is not None:
            self._transport.close()

    def _abort(self) -> None:
        """Close, and forget what is not sent."""
        if self._transport is not None:
            self._transport.abort()

    def _drop(self) -> None:
        self.paused = True
        self._waiting.clear()
        exchanges, self._exchanges = self._exchanges, {}
        for exchange, receiver in exchanges.values():
            exchange.gone()
            receiver.on_reset()

    # === within ===

    def _on_event(self, event: Event) -> None:
        match event:
            case Opened(stream, request):
                exchange = Exchange(self, stream)
                receiver = self._accept(exchange, request, self)
                if not exchange.over:  # it may be answered already
                    self._exchanges[stream] = exchange, receiver
            case Data(stream, data):
                if known := self._exchanges.get(stream):
                    known[1].on_data(data)
            case Ended(stream):
                if known := self._exchanges.get(stream):
                    known[1].on_end()
            case Reset(stream, _):
                if known := self._exchanges.pop(stream, None):
                    known[0].gone()
                    known[1].on_reset()
            case Roomier(stream):
                self._roomier(stream)
            case Closed(code, message):
                log.warning("a connection broke a rule", code=code.name, reason=message)
                self._close()

    def _roomier(self, stream: int) -> None:
        if stream:
            some = [known[0]] if (known := self._exchanges.get(stream)) else []
        else:
            some = [one for one, _ in self._exchanges.values()]
        for exchange in some:
            if exchange.sending is not None and exchange not in self._waiting:
                self._waiting.append(exchange)
        self._pump()
        self._wake()

    def _wake(self) -> None:
        for exchange, _ in self._exchanges.values():
            exchange.wake()

    def _pump(self) -> None:
        """Write, a piece of each in turn, what windows and the socket take, and not more than a turn's worth."""
        self._turn = None
        self.flush()
        left = _TURN
        while self._waiting and not self.paused:
            if left <= 0:
                self._turn = self._loop.call_soon(self._pump)
                return
            exchange = self._waiting.popleft()
            left -= self._write(exchange)

    def _write(self, exchange: Exchange) -> int:
        sending, room = exchange.sending, self.connection.room(exchange.stream)
        if sending is None or not room or self._transport is None:
            return 0  # it comes again when its window is wider
        piece, taken = sending.cut(room, exchange.stream, self.connection.frame_size)
        self.connection.spend(exchange.stream, taken)
        self._transport.write(piece)
        if sending.left:
            self._waiting.append(exchange)
        else:
            exchange.sent()
        return taken

    def _look(self) -> None:
        """From time to time: whether the peer lives."""
        now, times = self._loop.time(), self._times
        if not self.connection.greeted or (self._asked and now - self._heard >= times.silence + times.answer):
            log.info("a connection is silent and is closed")
            self._abort()
            return
        if now - self._heard >= times.silence and not self._asked:
            self._asked = True
            self.connection.ping()
            self.flush()
        due = self._heard + times.silence + (times.answer if self._asked else 0)
        self._watch = self._loop.call_later(max(due - now, 0.01), self._look)


def _speaks_http2(secured: ssl.SSLObject) -> bool:
    """gRPC is HTTP/2 alone, and over TLS that is agreed on (RFC 9113, 3.2)."""
    return secured.selected_alpn_protocol() == "h2"
