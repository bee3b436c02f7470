"""One connection from the API server: a request, then an answer or an upgrade to streams.

Place:  runtime/kubelet_api · server ⇄ [exchange] ⇄ the connection
"""

import asyncio
import contextlib
from typing import Any

import h11

from meltemi.shell.runtime.kubelet_api.session import Session

UPGRADE = "SPDY/3.1"
READ = 64 << 10
TEXT = ("Content-Type", "text/plain")
CLOSE = ("Connection", "close")


class Refusal(Exception):  # noqa: N818  (an answer, no fault)
    """A request that is answered with an error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Exchange:
    """Carries one request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER)

    @property
    def left(self) -> bool:
        """The caller has closed the connection."""
        return self._reader.at_eof() or self._writer.is_closing()

    def is_called(self, name: str) -> bool:
        """Whether the caller's certificate says so."""
        certificate: dict[str, Any] = self._writer.get_extra_info("peercert") or {}
        return any(("commonName", name) in part for part in certificate.get("subject", ()))

    async def request(self) -> h11.Request:
        """The head; what follows an upgrade stays in the buffer. Raises EOFError, OSError, h11.ProtocolError."""
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Request):
                return event
            if isinstance(event, h11.ConnectionClosed):
                raise EOFError
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(READ))

    async def say(self, code: int, text: str) -> None:
        """A whole answer."""
        body = text.encode()
        headers = [TEXT, ("Content-Length", str(len(body))), CLOSE]
        with contextlib.suppress(OSError, h11.ProtocolError):
            for event in (h11.Response(status_code=code, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
                await self._send(event)

    async def begin(self) -> None:
        """An answer of unknown length."""
        await self._send(h11.Response(status_code=200, headers=[TEXT, CLOSE]))

    async def more(self, data: bytes) -> None:
        """A part of it."""
        await self._send(h11.Data(data=data))

    async def end(self) -> None:
        """Its end."""
        await self._send(h11.EndOfMessage())

    async def upgrade(self, request: h11.Request, protocol: str) -> tuple[Session, bytes]:
        """The connection as a session, and what of it came already. Raises Refusal."""
        headers = [(name.lower(), value) for name, value in request.headers]
        offers = [value for name, value in headers if name == b"x-stream-protocol-version"]
        offered = [word.strip() for value in offers for word in value.split(b",")]
        if dict(headers).get(b"upgrade", b"").decode() != UPGRADE:
            raise Refusal(400, f"only connections that are upgraded to {UPGRADE} are served here")
        if protocol.encode() not in offered:
            raise Refusal(403, f"only {protocol} is spoken here, not {b', '.join(offered).decode()}")
        while self._http.next_event() not in (h11.PAUSED, h11.NEED_DATA):
            pass  # the end of the request, which has no body
        agreed = [("Connection", "Upgrade"), ("Upgrade", UPGRADE), ("X-Stream-Protocol-Version", protocol)]
        await self._send(h11.InformationalResponse(status_code=101, headers=agreed))
        return Session(self._reader, self._writer), self._http.trailing_data[0]

    async def _send(self, event: h11.Event) -> None:
        self._writer.write(self._http.send(event) or b"")
        await self._writer.drain()
