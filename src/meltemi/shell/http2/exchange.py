"""One stream as who answers it sees it, and what he must offer.

Place:  shell/http2 · protocol ⇄ [exchange] ⇄ shell/rpc
"""

from collections.abc import Callable
from typing import Protocol

from meltemi.shell.http2.connection import Connection
from meltemi.shell.http2.framed import Sending, Shared
from meltemi.shell.http2.frames import Code
from meltemi.shell.http2.headers import Request
from meltemi.shell.http2.waiting import Waiter


class Receiver(Protocol):
    """Who answers one request. Is called from the event loop, and does not wait."""

    def on_data(self, data: bytes) -> None:
        """A piece of the body."""
        ...

    def on_end(self) -> None:
        """The body is whole."""
        ...

    def on_reset(self) -> None:
        """The stream is no more: the peer has given it up, broke a rule, or is gone."""
        ...


class Peer(Protocol):
    """The other end of a connection."""

    @property
    def certificate(self) -> bytes | None:
        """DER of the certificate that the connection has verified; None where there was none."""
        ...


Accept = Callable[["Exchange", Request, Peer], Receiver]
"""A request begins: who answers it."""


class Carrier(Protocol):
    """What an exchange asks of its connection's protocol."""

    connection: Connection
    shared: Shared

    @property
    def paused(self) -> bool:
        """Whether the socket takes nothing now."""
        ...

    def done(self, exchange: "Exchange") -> None:
        """The exchange is over."""
        ...

    def flush(self) -> None:
        """Write what the connection has to say beside data."""
        ...

    def data(self, exchange: "Exchange") -> None:
        """The exchange has something to send."""
        ...


class Exchange:
    """One stream of one connection. Only one task sends."""

    def __init__(self, carrier: Carrier, stream: int) -> None:
        self._carrier = carrier
        self._stream = stream
        self.over = False
        """Whether nothing can be sent any more."""
        self._waiter = Waiter()
        self._then: Callable[[], None] | None = None
        self.sending: Sending | None = None
        """What is being sent, and how far it has come."""

    @property
    def stream(self) -> int:
        """Its number."""
        return self._stream

    def headers(self, block: bytes) -> None:
        """The response begins; what follows it is written with it."""
        if not self.over:
            self._carrier.connection.headers(self._stream, block)

    def post(self, prefix: bytes, message: bytes) -> None:
        """Begin to send `prefix` and `message`: as soon as windows and socket take them. Nothing else is being sent."""
        if not self.over:
            self.sending = Sending(prefix, message, self._carrier.shared)
            self._carrier.data(self)

    async def send(self, prefix: bytes, message: bytes) -> None:
        """Send `prefix` and `message`; returns when the socket has all of it, or the stream is over."""
        self.post(prefix, message)
        while self.sending is not None:
            await self._waiter.wait()

    @property
    def ready(self) -> bool:
        """Whether windows and socket would take something, and nothing is being sent."""
        idle = self.sending is None and not self.over
        return idle and not self._carrier.paused and self._carrier.connection.room(self._stream) > 0

    def listen(self, then: Callable[[], None]) -> None:
        """Call `then` whenever `ready` may have changed."""
        self._then = then

    def read(self) -> None:
        """Somebody reads the request from now on: until then the peer may send little."""
        if not self.over:
            self._carrier.connection.read(self._stream)
            self._carrier.flush()

    def took(self, size: int) -> None:
        """So many bytes of the request were taken: the peer may send as many again."""
        if not self.over:
            self._carrier.connection.took(self._stream, size)
            self._carrier.flush()  # nothing else may follow: the peer waits

    def end(self, block: bytes) -> None:
        """The last headers; within a message they would be nonsense, and the stream is reset instead."""
        if self.over:
            return
        self.over = True
        if self.sending is None:
            self._carrier.connection.end(self._stream, block)
        else:
            self._carrier.connection.reset(self._stream, Code.CANCEL)
        self._carrier.done(self)

    # === from the protocol ===

    def sent(self) -> None:
        """All of it was handed on."""
        self.sending = None
        self.wake()

    def gone(self) -> None:
        """The stream is no more."""
        self.over, self.sending = True, None
        self.wake()

    def wake(self) -> None:
        """Something has changed that `send` waits for, or of which `ready` tells."""
        self._waiter.wake()
        if self._then is not None:
            self._then()
